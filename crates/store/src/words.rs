//! Closed vocabularies that stand in text columns.

/// Why a text is not a word of its vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// The words that are known.
    pub expected: &'static [&'static str],
}

/// An enum whose values are words on the wire and in the database.
///
/// ```
/// iron_store::words! {
///     /// Whether a door lets anybody in.
///     pub enum Door {
///         /// It does.
///         Open = "open",
///         /// It does not.
///         Shut = "shut",
///     }
/// }
/// assert_eq!("open".parse(), Ok(Door::Open));
/// assert_eq!(Door::Shut.to_string(), "shut");
/// assert_eq!("ajar".parse::<Door>().unwrap_err().to_string(), "expected one of open, shut");
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$of:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$of])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownWord;
            fn from_str(text: &str) -> Result<Self, $crate::UnknownWord> {
                match text {
                    $($word => Ok($name::$variant),)*
                    _ => Err($crate::UnknownWord { expected: &[$($word),*] }),
                }
            }
        }

        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        $crate::text_columns!($name);
    };
}
