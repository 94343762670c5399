//! Signs of accelerators in the file system, so that a machine without any costs nothing.

use super::driver::{AcceleratorFacts, DriverSettings};
use crate::metrics::files;
use axolotl_run_core::event::Accelerator;
use axolotl_run_core::limits;
use axolotl_run_core::public::hardware::{Vendor, accelerator_name};
use std::path::Path;

/// Looks for signs; a handful of existence checks. Of several vendors' accelerators NVIDIA's are measured: the others are
/// then the processor's graphics.
pub fn presence(settings: &DriverSettings) -> Option<Vendor> {
    let exists = |path: &str| settings.root.join(path).exists();
    // /dev/dxg is how the Linux of Windows (WSL) shows its GPU.
    if settings.nvml_library.is_some() || exists("dev/nvidiactl") || exists("dev/dxg") {
        Some(Vendor::Nvidia)
    } else if exists("dev/kfd") {
        Some(Vendor::Amd)
    } else if exists("sys/module/xe") || exists("sys/module/i915") {
        Some(Vendor::Intel)
    } else {
        None
    }
}

/// Whether there is a sign of NVIDIA's driver besides its library.
pub fn has_nvidia_device(root: &Path) -> bool {
    ["dev/nvidiactl", "dev/dxg", "proc/driver/nvidia/version"]
        .iter()
        .any(|path| root.join(path).exists())
}

/// Whether the pids that a driver sees are the ones that we see: the kernel gives the first namespace this
/// number, and containers get others.
pub fn pids_comparable(root: &Path) -> bool {
    std::fs::read_link(root.join("proc/self/ns/pid"))
        .is_ok_and(|link| link.as_os_str() == "pid:[4026531836]")
}

/// What NVIDIA's kernel module says where its library is missing or refuses to work.
pub fn nvidia_without_library(root: &Path) -> AcceleratorFacts {
    let gpus = root.join("proc/driver/nvidia/gpus");
    let mut names = files::entry_names(&gpus, limits::ACCELERATORS_MAX);
    names.sort();
    let mut info = Vec::new();
    for name in &names {
        let text = files::read_text(&gpus.join(name).join("information"));
        let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
        info.push(Accelerator {
            name: Some(accelerator_name(Vendor::Nvidia, model.unwrap_or_default())),
            ..Accelerator::default()
        });
    }
    let mut facts = AcceleratorFacts::new("cuda", info);
    if facts.info.is_empty() {
        facts.count = None;
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(root: &Path) -> DriverSettings {
        DriverSettings {
            root: root.to_owned(),
            ..DriverSettings::default()
        }
    }

    #[test]
    fn each_driver_leaves_a_sign_and_nvidia_comes_first() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(presence(&settings(root.path())), None);
        for (sign, expected) in [
            ("sys/module/i915", Vendor::Intel),
            ("dev/kfd", Vendor::Amd),
            ("dev/nvidiactl", Vendor::Nvidia),
        ] {
            std::fs::create_dir_all(root.path().join(sign)).unwrap();
            assert_eq!(presence(&settings(root.path())), Some(expected));
        }
    }

    #[test]
    fn the_kernel_module_names_the_devices_where_the_library_is_missing() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(nvidia_without_library(root.path()).count, None);
        let device = root.path().join("proc/driver/nvidia/gpus/0000:17:00.0");
        std::fs::create_dir_all(&device).unwrap();
        std::fs::write(
            device.join("information"),
            "Model: \t\t Tesla T4\nIRQ:   9\n",
        )
        .unwrap();
        let facts = nvidia_without_library(root.path());
        assert_eq!((facts.kind.as_str(), facts.count), ("cuda", Some(1)));
        assert_eq!(
            facts
                .info
                .first()
                .and_then(|device| device.name.as_ref())
                .unwrap()
                .as_str(),
            "Tesla T4"
        );
    }

    #[test]
    fn pids_are_comparable_only_outside_of_containers() {
        let root = tempfile::tempdir().unwrap();
        assert!(!pids_comparable(root.path()));
        std::fs::create_dir_all(root.path().join("proc/self/ns")).unwrap();
        std::os::unix::fs::symlink("pid:[4026531836]", root.path().join("proc/self/ns/pid"))
            .unwrap();
        assert!(pids_comparable(root.path()));
    }
}
