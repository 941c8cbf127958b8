//! The rules that are shipped, by language.

/// What all languages share.
pub(super) const COMMON: &str = include_str!("../../data/injection/common.rules");

macro_rules! files {
    ($($language:literal)*) => {
        /// Languages and their rules.
        pub(super) const FILES: &[(&str, &str)] = &[
            $(($language, include_str!(concat!("../../data/injection/", $language, ".rules"))),)*
        ];
    };
}

files! {
    "en" "de" "fr" "es" "it" "pt" "nl" "ro" "pl" "ru" "uk" "tr" "ar" "hi" "id" "vi" "zh" "ja" "ko"
}
