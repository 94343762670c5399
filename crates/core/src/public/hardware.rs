//! Public names of hardware and operating systems.
//!
//! What a driver calls a device is nearly always a product's name, but virtual devices carry whatever their
//! owner called them. So a name is taken only if every word of it is one of the words that vendors use, or one number
//! of a product, one size and one partition, and it is a vendor's at all; of anything else the vendor is all that is
//! said. Bytes of memory are told in whole GiB: to the byte they are the same in every run of a machine, and in no run of
//! another.

use super::{Form, PublicStr, fits};
use crate::knowledge::lists::INTEL_DEVICES;
use regex::Regex;
use std::sync::LazyLock;

/// Who makes an accelerator, by whose driver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
}

impl Vendor {
    /// The vendor's name.
    pub const fn name(self) -> PublicStr {
        PublicStr::constant(match self {
            Self::Nvidia => "NVIDIA",
            Self::Amd => "AMD",
            Self::Intel => "Intel",
        })
    }
}

/// Words of product names; each is one at blanks and hyphens.
const WORDS: &str = "\
    NVIDIA AMD Intel Intel(R) Tesla GeForce Quadro RTX GTX TITAN GRID DGX HGX Instinct Radeon Arc \
    Arc(TM) Data Center GPU Max Flex Series Graphics Display PCIe PCIE SXM SXM2 SXM3 SXM4 SXM5 NVL \
    NVLink HBM2 HBM2e HBM3 HBM3e OAM Ada Generation Ampere Blackwell Hopper Turing Volta Grace \
    Laptop Mobile Design Q with Ti SUPER Super XT XTX GRE PRO Pro RX VII Vega FE Xp X V D \
    Workstation Server Edition Spark Thor Orin MIG Black Z";

/// Words without which a name is no product's; the models are those that older drivers name without their maker.
const VENDOR_WORDS: &str = "\
    NVIDIA AMD Intel Intel(R) Tesla GeForce Quadro RTX GTX TITAN GRID Radeon Instinct \
    A10 A100 A30 A40 B200 GH200 GB200 H100 H200 H800 L4 L40 L40S P100 T4 V100";

/// Bytes of the longest name; vendors' own stay below 64.
const NAME_BYTES_MAX: usize = 80;

/// An accelerator's name as its driver says it, or the vendor's alone.
pub fn accelerator_name(vendor: Vendor, raw: &str) -> PublicStr {
    let name = raw.trim();
    let words = || name.split([' ', '-']).filter(|word| !word.is_empty());
    let is_vendors = words().any(|word| member(VENDOR_WORDS, word).is_some());
    let mut seen = Vec::new();
    for word in words() {
        if member(WORDS, word).is_some() {
            continue;
        }
        let Some(form) = NUMBER_FORMS.iter().position(|form| fits(form, word)) else {
            return vendor.name();
        };
        // A second number of a kind is none of a product: `4155 5512` would be a telephone's.
        if seen.contains(&form) {
            return vendor.name();
        }
        seen.push(form);
    }
    if is_vendors && name.len() <= NAME_BYTES_MAX {
        PublicStr::vetted(name.to_owned())
    } else {
        vendor.name()
    }
}

/// Whether it is what [`accelerator_name`] or [`intel_name`] can say.
pub fn is_accelerator_name(text: &str) -> bool {
    let vendors = [Vendor::Nvidia, Vendor::Amd, Vendor::Intel];
    let by_number = INTEL_DEVICES
        .iter()
        .filter_map(|known| known.split_once(' '));
    vendors
        .into_iter()
        .any(|vendor| accelerator_name(vendor, text).as_str() == text)
        || by_number.into_iter().any(|(_, name)| name == text)
}

/// Bytes of memory, made up to whole GiB.
pub const fn whole_gibibytes(bytes: u64) -> u64 {
    const GIB: u64 = 1 << 30;
    bytes.div_ceil(GIB).saturating_mul(GIB)
}

/// The name of one of Intel's devices by its number on the bus, for its driver tells no name; or the vendor's alone.
pub fn intel_name(device: &str) -> PublicStr {
    for known_device in INTEL_DEVICES {
        if let Some((number, name)) = known_device.split_once(' ')
            && number == device
        {
            return PublicStr::constant(name);
        }
    }
    Vendor::Intel.name()
}

/// A size, a partition of a device (of MIG and of vGPU), and the number of a product, in this order. From a thousand on
/// products' numbers are round (`4090`, `A2000`, `W7900`).
static NUMBER_FORMS: [Form; 3] = [
    LazyLock::new(|| Regex::new("^[1-9][0-9]{0,2}GB$").ok()),
    LazyLock::new(|| Regex::new(r"^(?:[1-9]g\.[1-9][0-9]{0,2}gb|[1-9][0-9]?[ABCQ])$").ok()),
    LazyLock::new(|| {
        let prefix = "(?:[ABHKLMPTVW]|GH|GB|GP|GV|MI)";
        let suffix = "(?:[SGXMAT]|HX|XT|Ti)";
        Regex::new(&format!(
            "^{prefix}?(?:[1-9][0-9]{{0,2}}|[1-9][0-9]{{2}}0){suffix}?$"
        ))
        .ok()
    }),
];

/// Names of operating systems and architectures as the compiler spells them: the closed sets of a platform.
const SYSTEMS: &str = "\
    linux macos freebsd netbsd openbsd android windows";
const ARCHITECTURES: &str = "\
    x86_64 aarch64 arm x86 powerpc64 riscv64 s390x loongarch64 powerpc64le";

/// `linux-6.18-x86_64`: of the kernel's release only the first two numbers, for what follows them is often a
/// name that somebody gave to a build.
pub fn platform(system: &str, architecture: &str, release: &str) -> PublicStr {
    let system = member(SYSTEMS, system).unwrap_or("other");
    let architecture = member(ARCHITECTURES, architecture).unwrap_or("other");
    let text = match release_numbers(release) {
        Some((major, minor)) => format!("{system}-{major}.{minor}-{architecture}"),
        None => format!("{system}-{architecture}"),
    };
    PublicStr::vetted(text)
}

/// Whether it is what [`platform`] can say.
pub fn is_platform(text: &str) -> bool {
    let (system, rest) = text.split_once('-').unwrap_or((text, ""));
    let (release, architecture) = rest.split_once('-').unwrap_or(("", rest));
    platform(system, architecture, release).as_str() == text
}

/// The word of a list that a text is.
fn member(list: &'static str, text: &str) -> Option<&'static str> {
    list.split_ascii_whitespace().find(|word| *word == text)
}

fn release_numbers(release: &str) -> Option<(u16, u16)> {
    let mut numbers = release.split(['.', '-', '+']);
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    (major < 100 && minor < 1000).then_some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn products_keep_their_names() {
        for name in [
            "NVIDIA H100 80GB HBM3",
            "NVIDIA A100-SXM4-80GB",
            "NVIDIA A100 80GB PCIe",
            "NVIDIA H200 NVL",
            "NVIDIA GH200 480GB",
            "NVIDIA GeForce RTX 4090",
            "NVIDIA GeForce RTX 3080 Laptop GPU",
            "NVIDIA RTX 6000 Ada Generation",
            "NVIDIA L40S",
            "NVIDIA RTX PRO 6000 Blackwell Workstation Edition",
            "Tesla V100-SXM2-32GB",
            "Tesla T4",
            "Quadro RTX 8000",
            "NVIDIA TITAN RTX",
            "GeForce GTX 1080 Ti",
            "NVIDIA A10G",
            "NVIDIA B200",
            "A100-SXM4-40GB",
            "NVIDIA GB10",
            "GRID A100-4C",
            "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
            "AMD Instinct MI300X",
            "AMD Radeon RX 7900 XTX",
            "AMD Radeon PRO W7900",
            "AMD Instinct MI250X",
            "NVIDIA GeForce RTX 2080 with Max-Q Design",
        ] {
            assert_eq!(accelerator_name(Vendor::Nvidia, name).as_str(), name);
        }
        assert_eq!(
            accelerator_name(Vendor::Nvidia, " Tesla T4\n").as_str(),
            "Tesla T4"
        );
    }

    #[test]
    fn anything_else_is_the_vendor_alone() {
        for name in [
            "",
            "NVIDIA acme-secret",
            "alice's GPU",
            "GRID acme 4C",
            "Graphics Device",
            "NVIDIA H100 /home/alice",
            "NVIDIA\tT4",
            "NVIDIA H100\n80GB",
            "NVIDIA 1234567",
            "NVIDIA ACME1 JOHN77 DOE1",
            "NVIDIA PASS1-1234-56789",
            "NVIDIA RTX 4155",
            "NVIDIA A100 A200",
            "NVIDIA RTX 6000 5550",
            "NVIDIA 80GB 24GB",
            "NVIDIA H007",
            "NVIDIA J77",
            "NVIDIA ABCDE1",
            "4090",
            "NVIDIA H100abc",
            "NVIDIA 1x.2gb",
            "NVIDIA H100 80GB HBM3 NVIDIA H100 80GB HBM3 NVIDIA H100 80GB HBM3 NVIDIA H100 80GB HBM3",
        ] {
            assert_eq!(
                accelerator_name(Vendor::Amd, name).as_str(),
                "AMD",
                "{name:?}"
            );
        }
    }

    #[test]
    fn memory_is_told_in_whole_gibibytes() {
        for (bytes, gibibytes) in [
            (0, 0),
            (1, 1),
            (25_276_510_208, 24),
            (85_520_809_984, 80),
            (24 << 30, 24),
        ] {
            assert_eq!(whole_gibibytes(bytes), gibibytes << 30);
        }
        assert!(whole_gibibytes(u64::MAX) >= 1 << 63);
    }

    #[test]
    fn a_platform_is_made_of_known_names_and_two_numbers() {
        for (system, architecture, release, expected) in [
            ("linux", "x86_64", "6.18.44-acme-v657", "linux-6.18-x86_64"),
            ("linux", "aarch64", "5.15.0-1063-aws", "linux-5.15-aarch64"),
            ("linux", "x86_64", "6.1+deb", "linux-6.1-x86_64"),
            ("macos", "aarch64", "24.1.0", "macos-24.1-aarch64"),
            ("linux", "x86_64", "acme.1", "linux-x86_64"),
            ("linux", "x86_64", "6", "linux-x86_64"),
            ("linux", "x86_64", "99999999.1", "linux-x86_64"),
            ("linux", "x86_64", "4155.5512", "linux-x86_64"),
            ("acmeos", "acme", "", "other-other"),
        ] {
            assert_eq!(platform(system, architecture, release).as_str(), expected);
            assert!(is_platform(expected));
        }
    }

    #[test]
    fn what_can_be_told_is_recognised() {
        for name in [
            "NVIDIA",
            "Intel",
            "NVIDIA H100 80GB HBM3",
            "AMD Instinct MI300X",
        ] {
            assert!(is_accelerator_name(name));
        }
        for name in ["", "NVIDIA acme", "acme", "NVIDIA J77"] {
            assert!(!is_accelerator_name(name));
        }
        for text in [
            "",
            "linux",
            "acme-x86_64",
            "linux-4155.5512-x86_64",
            "linux-6.18-x86_64-acme",
        ] {
            assert!(!is_platform(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn lower_case_words_of_ours_never_get_out(word in "[a-z]{3,12}") {
            prop_assume!(member(WORDS, &word).is_none());
            for name in [format!("NVIDIA {word}"), format!("NVIDIA H100-{word}"), format!("{word} RTX 4090")] {
                prop_assert_eq!(accelerator_name(Vendor::Nvidia, &name), Vendor::Nvidia.name());
            }
        }

        #[test]
        fn nothing_makes_it_panic(name in ".{0,120}", release in ".{0,40}") {
            prop_assert!(accelerator_name(Vendor::Intel, &name).as_str().len() <= NAME_BYTES_MAX);
            prop_assert!(platform("linux", "x86_64", &release).as_str().len() < 40);
        }
    }
}
