//! Messages: behind a traceback of a public file stands any message of any public class, folded as it likes.

#![no_main]

use axolotl_run_core::judging::explanation::Explanation;
use axolotl_run_core::status::End;
use libfuzzer_sys::fuzz_target;
use oracle::{assert_linear, assert_public, woven};

/// Classes whose messages are read in different ways.
const CLASSES: [&str; 8] = [
    "RuntimeError",
    "torch.OutOfMemoryError",
    "KeyError",
    "OSError",
    "subprocess.CalledProcessError",
    "ray.exceptions.RayTaskError(ValueError)",
    "pydantic_core._pydantic_core.ValidationError",
    "SyntaxError",
];

fn told(class: &str, message: &[u8]) -> String {
    let mut stream = b"Traceback (most recent call last):\n  File \"/v/site-packages/torch/nn/functional.py\", line 3, in linear\n    f()\n".to_vec();
    stream.extend_from_slice(class.as_bytes());
    stream.extend_from_slice(b": ");
    stream.extend_from_slice(message);
    stream.push(b'\n');
    Explanation::of(&stream, Some(End::Exited(1)))
        .json()
        .to_string()
}

fuzz_target!(|data: &[u8]| {
    let class = CLASSES[usize::from(data.first().copied().unwrap_or(0)) % CLASSES.len()];
    let message = woven(data.get(1..).unwrap_or_default());
    assert_public(&told(class, &message));
    assert_linear(&message, |message| drop(told(class, message)));
});
