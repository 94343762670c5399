//! Waiting for what there may not be: one branch of a `select!` that then never is the one.

/// The outcome of what there is to wait for; never, where there is nothing.
pub async fn or_never<F: Future>(what: Option<F>) -> F::Output {
    match what {
        Some(what) => what.await,
        None => std::future::pending().await,
    }
}
