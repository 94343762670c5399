//! Plain tracebacks, chains, groups, and the lines that the interpreter adds (rows 1 to 13).

use super::{FAILED, FRAMES, assert_one, read, told, traceback};

#[test]
fn plain_tracebacks_of_all_versions() {
    for (name, text) in [
        ("source lines", traceback("ValueError: acme")),
        (
            "no source",
            traceback("ValueError: acme")
                .replace("    go('s3cr3t')\n", "")
                .replace("    return _C.call(*args)\n", ""),
        ),
        (
            "carets",
            traceback("ValueError: acme").replace(
                "(*args)\n",
                "(*args)\n           ^^^^^^^^^^^^^^\n    ~~~~^~~~\n",
            ),
        ),
        (
            "carriage returns",
            traceback("ValueError: acme").replace('\n', "\r\n"),
        ),
        ("no message", traceback("ValueError")),
        (
            "several lines",
            traceback("ValueError: acme\n  jane: 3\n\n  File of s3cr3t\nmore"),
        ),
        (
            "suggestion",
            traceback("ValueError: name 's3cr3t' is not defined. Did you mean: 'acme'?"),
        ),
        (
            "notes",
            traceback(
                "ValueError: acme\njane's note\n  File \"/home/jane/x.py\", line 3, in acme\nKeyError: 's3cr3t'",
            ),
        ),
        ("truncated behind", traceback("ValueError: acme") + "Traceb"),
        (
            "colour",
            traceback("ValueError: acme")
                .replace("File \"", "File \u{1b}[35m\"")
                .replace("\", line", "\"\u{1b}[0m, line"),
        ),
    ] {
        println!("{name}");
        assert_one(text, "ValueError");
    }
}

#[test]
fn a_chain_is_one_report_and_its_last_exception_is_the_error() {
    for link in [
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    ] {
        let text = format!(
            "{}\n{link}\n\nTraceback (most recent call last):\n  File \"/home/jane/a.py\", line 3, in f\nRuntimeError: acme\n",
            traceback("ValueError: s3cr3t")
        );
        assert_one(&text, "RuntimeError");
        let chain = read(&text, FAILED).error.unwrap().chain.unwrap();
        assert_eq!(
            chain.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["ValueError", "RuntimeError"]
        );
    }
}

#[test]
fn a_group_is_one_report() {
    let member: String = traceback("ValueError: acme")
        .lines()
        .map(|line| format!("    | {line}\n"))
        .collect();
    let group = |end: &str| {
        format!(
            "  + Exception Group Traceback (most recent call last):\n  |   File \"/home/jane/a.py\", line 9, in <module>\n  |     raise ExceptionGroup('acme', es)\n  | ExceptionGroup: acme (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n{member}    +---------------- 2 ----------------\n    | KeyError: 's3cr3t'\n    +------------------------------------\n{end}"
        )
    };
    assert_one(group(""), "ExceptionGroup");
    let outer = "\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"/home/jane/a.py\", line 3, in f\nRuntimeError: acme\n";
    assert_one(group(outer), "RuntimeError");
}

#[test]
fn a_recursion_says_how_often_and_its_depth_does_not_change_the_fingerprint() {
    let text = |times: u32| {
        format!(
            "Traceback (most recent call last):\n{}  [Previous line repeated {times} more times]\nRecursionError: maximum recursion depth exceeded\n",
            FRAMES.repeat(3)
        )
    };
    let (error, other) = (
        read(text(196), FAILED).error.unwrap(),
        read(text(7), FAILED).error.unwrap(),
    );
    assert_eq!(error.frames.unwrap().last().unwrap().repeated, Some(196));
    assert_eq!(
        error.exception.unwrap().as_str(),
        "maximum recursion depth exceeded"
    );
    assert_eq!(error.fingerprint, other.fingerprint);
}

#[test]
fn syntax_errors_need_no_header() {
    for (text, class) in [
        (
            "  File \"/home/jane/acme.py\", line 2\n    key = 's3cr3t\n          ^\nSyntaxError: unterminated string literal (detected at line 2)\n",
            "SyntaxError",
        ),
        (
            "  File \"/home/jane/acme.py\", line 2\n    pass\nIndentationError: unexpected indent\n",
            "IndentationError",
        ),
        (
            "  File \"/home/jane/acme.py\", line 2\nTabError: inconsistent use of tabs and spaces in indentation\n",
            "TabError",
        ),
        (
            "  File \"/home/jane/acme.py\", line 1\nSyntaxError: (unicode error) 'utf-8' codec can't decode byte\n",
            "SyntaxError",
        ),
        (
            "Traceback (most recent call last):\n  File \"/home/jane/a.py\", line 1, in <module>\n    import acme\n  File \"/home/jane/acme.py\", line 2\n    x = (\n        ^\nSyntaxError: '(' was never closed\n",
            "SyntaxError",
        ),
    ] {
        let (told, reports, _) = told(text, FAILED);
        assert_eq!((told.as_deref(), reports), (Some(class), 1), "{text}");
    }
}

#[test]
fn files_without_a_path_are_told_by_kind() {
    for (file, origin) in [
        ("<string>", "generated"),
        ("<stdin>", "generated"),
        ("<frozen runpy>", "stdlib"),
        ("<ipython-input-7-acme>", "notebook"),
        ("/tmp/ipykernel_7/acme.py", "notebook"),
        ("/tmp/torchinductor_jane/ab/cab.py", "generated"),
        ("<attrs generated init acme.C>", "generated"),
        ("<eval_with_key>.3", "generated"),
        (
            "/home/jane/.cache/huggingface/modules/transformers_modules/acme/s3cr3t/modeling_acme.py",
            "remote_code",
        ),
        (
            "/home/jane/venv/lib/python3.11/site-packages/acme_llm/core.py",
            "other_package",
        ),
        (
            "/mnt/site-packages-jane/lib/python3/dist-packages/torch/acme.py",
            "torch",
        ),
        ("/home/jane/acme/train.py", "user"),
        ("C:\\Users\\Jane Doe\\acme\\train.py", "user"),
        ("/home/axolotl_jane/acme/train.py", "user"),
        (
            "/home/jane/site-packages/acme/site-packages/jane/torch/nn/functional.py",
            "other_package",
        ),
    ] {
        let text = format!(
            "Traceback (most recent call last):\n  File \"{file}\", line 5, in acme\nValueError: x\n"
        );
        let error = read(&text, FAILED).error.unwrap();
        let frame = error.frames.unwrap().remove(0);
        assert_eq!(
            (frame.origin.unwrap().as_str(), frame.function, frame.line),
            (origin, None, Some(5)),
            "{file}"
        );
    }
}

#[test]
fn public_files_are_found_wherever_they_are_installed() {
    for (path, file) in [
        (
            "/opt/conda/lib/python3.10/site-packages/torch/nn/functional.py",
            "torch/nn/functional.py",
        ),
        (
            "C:\\Python311\\Lib\\site-packages\\torch\\nn\\functional.py",
            "torch/nn/functional.py",
        ),
        (
            "/usr/lib/python3/dist-packages/torch/nn/functional.py",
            "torch/nn/functional.py",
        ),
        (
            "/workspace/axolotl/src/axolotl/train.py",
            "axolotl/train.py",
        ),
        (
            "/home/jane/site-packages/acme/venv/lib/python3.11/site-packages/torch/multiprocessing/spawn.py",
            "torch/multiprocessing/spawn.py",
        ),
        ("/usr/lib/python3.11/json/decoder.py", "json/decoder.py"),
        ("C:\\Python311\\Lib\\json\\decoder.py", "json/decoder.py"),
        ("pyarrow/error.pxi", "pyarrow/error.pxi"),
        ("/home/jane/venv/bin/torchrun", "bin/torchrun"),
    ] {
        let text = format!(
            "Traceback (most recent call last):\n  File \"{path}\", line 5, in acme\nValueError: x\n"
        );
        let frame = read(&text, FAILED).error.unwrap().frames.unwrap().remove(0);
        assert_eq!(
            frame.file.as_ref().map(ToString::to_string).as_deref(),
            Some(file),
            "{path}"
        );
    }
}

#[test]
fn private_classes_are_not_named() {
    for class in [
        "AcmeError",
        "acme_llm.core.PricingError",
        "torch.AcmeError",
        "__main__.f.<locals>.AcmeBoom",
    ] {
        let error = read(traceback(&format!("{class}: s3cr3t")), FAILED);
        assert_eq!(error.exception_type, None, "{class}");
        assert_eq!(
            error.error.unwrap().exception_type.unwrap().as_str(),
            "<private>",
            "{class}"
        );
    }
}
