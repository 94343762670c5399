//! What the sources and documents themselves must be like: layers, circles, sizes, links.
//!
//! Nothing is run here, so this is the quickest program to ask while files are moved about.

mod layers;
mod links;
mod owner;
