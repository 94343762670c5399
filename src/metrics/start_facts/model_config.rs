//! What the cache of the Hub holds of a model's own configuration.
//!
//! Only of a model that is public by its name: what is read there, everybody can read on the Hub. Nothing is downloaded.

use axolotl_run_core::config::model_facts;
use axolotl_run_core::env;
use axolotl_run_core::event::ModelFacts;
use axolotl_run_core::launch::Environment;
use axolotl_run_sys::probe;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes of a `config.json`; the largest have some 20 KiB.
const MODEL_CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Bytes of the name of a commit, with some room.
const COMMIT_BYTES_MAX: u64 = 64;

/// The facts of a model (`meta-llama/Llama-3.2-1B`), where its configuration is in the cache.
pub fn cached_model(model: &str, environment: Environment<'_>) -> Option<ModelFacts> {
    let folder = hub_cache(environment)?.join(format!("models--{}", model.replace('/', "--")));
    let commit = read(&folder.join("refs/main"), COMMIT_BYTES_MAX)?;
    let commit = commit.trim();
    if commit.is_empty() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let config = folder.join("snapshots").join(commit).join("config.json");
    model_facts(&read(&config, MODEL_CONFIG_BYTES_MAX)?)
}

/// Where huggingface_hub keeps what it has downloaded.
pub fn hub_cache(environment: Environment<'_>) -> Option<PathBuf> {
    let folder = |name: &str| {
        let value = environment(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    if let Some(cache) = folder(env::HF_HUB_CACHE) {
        return Some(cache);
    }
    if let Some(home) = folder(env::HF_HOME) {
        return Some(home.join("hub"));
    }
    let cache = folder(env::XDG_CACHE_HOME);
    let cache = cache.or_else(|| Some(folder(env::HOME)?.join(".cache")))?;
    Some(cache.join("huggingface/hub"))
}

fn read(path: &Path, bytes_max: u64) -> Option<String> {
    let file = probe::open_regular(path).ok()?;
    let mut text = String::new();
    file.take(bytes_max).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;

    #[test]
    fn the_configuration_of_the_downloaded_commit_is_read() {
        let home = tempfile::tempdir().unwrap();
        let hub = home.path().join("huggingface/hub");
        let folder = hub.join("models--meta-llama--Llama-3.2-1B");
        fs::create_dir_all(folder.join("refs")).unwrap();
        fs::create_dir_all(folder.join("snapshots/abc123")).unwrap();
        fs::write(folder.join("refs/main"), "abc123").unwrap();
        let config = folder.join("snapshots/abc123/config.json");
        fs::write(&config, r#"{"model_type": "llama", "hidden_size": 2048}"#).unwrap();
        let cached = |name: &'static str, value: &Path| {
            let value = OsString::from(value);
            let environment = move |asked: &str| (asked == name).then(|| value.clone());
            cached_model("meta-llama/Llama-3.2-1B", &environment)
        };
        for (name, value) in [
            ("HF_HUB_CACHE", hub.clone()),
            ("HF_HOME", home.path().join("huggingface")),
            ("XDG_CACHE_HOME", home.path().to_owned()),
        ] {
            let facts = cached(name, &value).unwrap();
            assert_eq!(facts.hidden_size, Some(2048), "{name}");
        }
        assert_eq!(cached("HOME", home.path()), None);
        fs::write(folder.join("refs/main"), "../../../../secret").unwrap();
        assert_eq!(cached("HF_HUB_CACHE", &hub), None);
    }
}
