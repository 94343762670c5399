//! Closed vocabularies: enums whose words can leave the machine.

/// Declares an enum whose variants are public constants.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $why:literal])+ $variant:ident => $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $why])+ $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it, as events carry it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What it means, for the documents and for the run's owner.
            pub fn means(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($why),+).trim_start(),)*
                }
            }

            /// What a word that was read back stands for.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }

            /// The word as public text.
            pub const fn public(self) -> $crate::public::PublicStr {
                $crate::public::PublicStr::constant(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;
