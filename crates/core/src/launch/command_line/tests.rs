//! Wrappers and launchers in all orders, and the examples of `knowledge/`.

use super::*;
use crate::knowledge::{commands, launchers};
use proptest::prelude::*;

fn words(command: &str) -> Vec<OsString> {
    command.split_whitespace().map(OsString::from).collect()
}

#[test]
fn each_launcher_is_known_by_its_examples() {
    for launcher in launchers::ROWS {
        let name = launcher.name;
        let cases = launcher.examples.iter().map(|line| (line, true));
        let look_alikes = launcher.look_alikes.iter().map(|line| (line, false));
        for (line, expected) in cases.chain(look_alikes) {
            let words = words(line);
            let line = CommandLine::read(&words);
            let known = line
                .launches
                .iter()
                .any(|launch| launch.launcher.name == name);
            assert_eq!(known, expected, "{name}: {words:?} is {line:?}");
        }
    }
}

#[test]
fn each_command_is_known_by_its_examples() {
    for command in commands::ROWS {
        let name = command.name;
        let cases = command.examples.iter().map(|line| (line, true));
        let look_alikes = command.look_alikes.iter().map(|line| (line, false));
        for (line, expected) in cases.chain(look_alikes) {
            let words = words(line);
            let line = CommandLine::read(&words);
            let known = match command.kind {
                CommandKind::Wrapper => line.wrappers.iter().any(|wrapper| wrapper.name == name),
                CommandKind::Terminal | CommandKind::Shell => line.uses_terminal(),
                CommandKind::SpansNodes => matches!(line.target, Target::Elsewhere(_)),
                CommandKind::Training => line.configuration().is_some(),
            };
            assert_eq!(known, expected, "{name}: {words:?} is {line:?}");
        }
    }
}

#[test]
fn no_program_is_listed_twice() {
    // A shell on another machine is a terminal here and spans nodes.
    let listed = |kind| matches!(kind, CommandKind::SpansNodes | CommandKind::Training);
    let commands = commands::ROWS
        .iter()
        .filter(|command| !listed(command.kind));
    let mut names: Vec<&str> = commands
        .flat_map(|command| command.programs())
        .copied()
        .collect();
    names.extend(
        launchers::ROWS
            .iter()
            .flat_map(|launcher| launcher.programs),
    );
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn each_wrapper_is_skipped_by_its_own_grammar() {
    for (command, expected, elsewhere) in [
        ("python t.py", "python t.py", false),
        ("/usr/bin/nice -n 10 python t.py", "python t.py", false),
        ("env -u A B=1 C=x/y python t.py", "python t.py", false),
        ("env A=1 nohup python t.py", "python t.py", false),
        (
            "timeout -k 5 --signal=TERM 1h torchrun t.py",
            "torchrun t.py",
            false,
        ),
        (
            "taskset -c 0-3 numactl --cpunodebind=0 python t.py",
            "python t.py",
            false,
        ),
        ("chrt -f 10 python t.py", "python t.py", false),
        (
            "stdbuf -oL setsid -w -- python -u t.py",
            "python -u t.py",
            false,
        ),
        (
            "nsys profile -o x --trace=cuda accelerate launch t.py",
            "accelerate launch t.py",
            false,
        ),
        ("uv run python t.py", "python t.py", true),
        (
            "uv --project x run --with accelerate --no-sync python t.py",
            "python t.py",
            true,
        ),
        (
            "uv run -m torch.distributed.run t.py",
            "torch.distributed.run t.py",
            true,
        ),
        ("uv run t.py --epochs 3", "t.py --epochs 3", true),
        (
            "uvx --from axolotl axolotl train c.yml",
            "axolotl train c.yml",
            true,
        ),
        (
            "poetry -C x run accelerate launch t.py",
            "accelerate launch t.py",
            true,
        ),
        (
            "conda run -n torchrun --no-capture-output python t.py",
            "python t.py",
            true,
        ),
        ("pixi run -e cuda python t.py", "python t.py", true),
        ("sudo -u alice python t.py", "python t.py", true),
        (
            "apptainer exec --nv -B /data image.sif torchrun t.py",
            "torchrun t.py",
            true,
        ),
        // No command behind it: a program like any other.
        ("uv pip install torch", "uv pip install torch", false),
        ("conda activate x", "conda activate x", false),
        ("nice", "nice", false),
        ("timeout 5", "timeout 5", false),
        ("uv run", "uv run", false),
        ("niced python t.py", "niced python t.py", false),
    ] {
        let typed = words(command);
        let line = CommandLine::read(&typed);
        assert_eq!(
            (line.command, line.chooses_python()),
            (&words(expected)[..], elsewhere),
            "{command}"
        );
    }
}

#[test]
fn a_program_that_takes_over_the_screen_is_known() {
    for (command, expected) in [
        ("", false),
        ("axolotl train c.yml", false),
        ("python", false),
        ("python -i t.py", false),
        ("vim notes", true),
        ("/usr/bin/less log", true),
        ("top", true),
        ("tmux attach", true),
        ("ssh node", true),
        ("gdb --args python t.py", true),
        ("env TERM=xterm vim notes", true),
        ("env -i python t.py", false),
        ("env", false),
        ("nice vim", true),
        ("sudo -E less x", true),
        ("timeout 9 top", true),
        ("env A=1 uv run ipython", true),
        ("nice bash", true),
        ("nice bash train.sh", false),
        ("uv run python", false),
        ("nice", false),
        ("bash", true),
        ("-bash", true),
        ("bash -l", true),
        ("bash --norc", true),
        ("bash -i", true),
        ("bash -ic x", true),
        ("bash -c x", false),
        ("bash -lc x", false),
        ("bash -o pipefail -c x", false),
        ("bash -o pipefail", true),
        ("bash --rcfile f", true),
        ("bash train.sh", false),
        ("bash -x train.sh -i", false),
        ("fish --command=x", false),
        ("sh ./train.sh", false),
        ("/bin/zsh", true),
    ] {
        let words = words(command);
        assert_eq!(
            CommandLine::read(&words).uses_terminal(),
            expected,
            "{command}"
        );
    }
}

#[test]
fn a_time_limit_is_seen_behind_other_wrappers() {
    for (command, expected) in [
        ("timeout 9 top", true),
        ("/usr/bin/gtimeout -k 5 9 python t.py", true),
        ("env A=1 nice timeout 9 python t.py", true),
        ("timeout", false),
        ("python t.py timeout 9 x", false),
        ("./timeout.sh 9 x", false),
        ("", false),
    ] {
        let typed = words(command);
        assert_eq!(
            CommandLine::read(&typed).limits_time(),
            expected,
            "{command}"
        );
    }
}

#[test]
fn the_chain_is_read_by_the_grammar_of_each_part() {
    let python_file = OsStr::new("t.py");
    for (command, chain, target) in [
        (
            "torchrun t.py --launcher srun",
            "torchrun",
            Target::Script(python_file),
        ),
        (
            "srun -J torchrun -N2 python -u t.py",
            "srun python",
            Target::Script(python_file),
        ),
        (
            "srun --mpi pmix uv run torchrun --nnodes 2 t.py",
            "srun torchrun",
            Target::Script(python_file),
        ),
        (
            "mpirun -x PATH --mca a b -np 2 nice python t.py",
            "mpirun python",
            Target::Script(python_file),
        ),
        (
            "srun --unheard-of torchrun t.py",
            "srun torchrun",
            Target::Script(python_file),
        ),
        (
            "torchrun --no-python ./x --nnodes 2",
            "torchrun",
            Target::Program(OsStr::new("./x")),
        ),
        (
            "python -m acme.train",
            "python",
            Target::Module(OsStr::new("acme.train")),
        ),
        ("python -c torchrun", "python", Target::None),
        (
            "axolotl train c.yml --launcher=torchrun",
            "axolotl torchrun",
            Target::Program(OsStr::new("axolotl")),
        ),
        (
            "axolotl train c.yml -- --num_processes 2",
            "axolotl accelerate",
            Target::Program(OsStr::new("axolotl")),
        ),
        (
            "ray job submit --working-dir . -- python t.py",
            "ray python",
            Target::Script(python_file),
        ),
        (
            "ssh node torchrun t.py",
            "",
            Target::Elsewhere(OsStr::new("ssh")),
        ),
        ("nice", "", Target::Program(OsStr::new("nice"))),
        ("", "", Target::None),
    ] {
        let typed = words(command);
        let line = CommandLine::read(&typed);
        let names: Vec<_> = line
            .launches
            .iter()
            .map(|launch| launch.launcher.name)
            .collect();
        assert_eq!(
            (names.join(" ").as_str(), line.target),
            (chain, target),
            "{command}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_behind_wrappers_is_the_end_of_what_was_typed(command in "((env|uv|run|timeout|-n|--|A=1|nice|sudo|srun|-N2|torchrun|python|-m|axolotl|x) ){0,14}") {
        let typed = words(&command);
        let line = CommandLine::read(&typed);
        prop_assert!(typed.ends_with(line.command));
        prop_assert!(typed.ends_with(line.arguments));
    }

    #[test]
    fn no_command_line_upsets_it(command: Vec<Vec<u8>>) {
        use std::os::unix::ffi::OsStringExt as _;
        let mut words: Vec<_> = command.into_iter().map(OsString::from_vec).collect();
        for launcher in ["ray", "python", "srun", "mpirun", "axolotl", "torchrun", "sudo", "bash", "docker"] {
            words.insert(0, launcher.into());
            let line = CommandLine::read(&words);
            let _ = (line.uses_terminal(), line.configuration(), line.trains_nothing());
            let _ = (line.output_directory(), line.programs().count());
        }
    }
}
