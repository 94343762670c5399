//! What the program prints is what the documents say; how they are made is tested in `src/commands/tests/documents.rs`.

use support::Launch;
use support::documents::read;

#[test]
fn help_on_the_terminal_is_the_help_of_the_documents() {
    let readme = read("README.md");
    let (_, rest) = readme
        .split_once("<!-- generated: options -->\n```text\n")
        .unwrap();
    let (help, _) = rest.split_once("```\n<!-- end: options -->").unwrap();
    for option in ["--help", "-h"] {
        Launch::new()
            .run(&[option])
            .expect_code(0)
            .expect_stdout(help);
    }
}

#[test]
fn the_manual_page_is_the_one_that_is_packaged() {
    Launch::new()
        .run(&["--man"])
        .expect_code(0)
        .expect_stderr("")
        .expect_stdout(&read("packaging/axolotl-run.1"));
}
