//! Globs: texts in which `*` stands for any run of characters, the empty one included.

/// Whether the glob matches the whole text.
///
/// Takes time in proportion to the product of both lengths at worst, and no memory.
pub(crate) fn matches(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut at_glob, mut at_text) = (0, 0);
    // Where to go on after the last star, and how much of the text it has taken so far.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(at_text) {
        match glob.get(at_glob) {
            Some(b'*') => {
                retry = Some((at_glob + 1, at_text));
                at_glob += 1;
            }
            Some(&expected) if expected == byte => {
                at_glob += 1;
                at_text += 1;
            }
            _ => {
                let Some((after_star, taken)) = retry else {
                    return false;
                };
                retry = Some((after_star, taken + 1));
                at_glob = after_star;
                at_text = taken + 1;
            }
        }
    }
    glob.get(at_glob..)
        .is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// Whether the glob matches every text that begins with the prefix.
pub(crate) fn covers(glob: &str, prefix: &str) -> bool {
    glob.ends_with('*') && matches(glob, prefix)
}

/// Whether the glob matches some text that begins with the prefix.
pub(crate) fn overlaps(glob: &str, prefix: &str) -> bool {
    let glob = glob.as_bytes();
    // The places in the glob that may have been reached; a star may be passed for nothing.
    let mut reached = vec![false; glob.len() + 1];
    reach(glob, &mut reached, 0);
    for &byte in prefix.as_bytes() {
        let mut next = vec![false; glob.len() + 1];
        for (place, _) in reached.iter().enumerate().filter(|(_, reached)| **reached) {
            match glob.get(place) {
                Some(b'*') => reach(glob, &mut next, place),
                Some(&expected) if expected == byte => reach(glob, &mut next, place + 1),
                _ => {}
            }
        }
        reached = next;
    }
    reached.contains(&true)
}

fn reach(glob: &[u8], reached: &mut [bool], mut place: usize) {
    loop {
        if let Some(reached) = reached.get_mut(place) {
            *reached = true;
        }
        if glob.get(place) != Some(&b'*') {
            return;
        }
        place += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (glob, text) in [
            ("*", ""),
            ("*", "anything"),
            ("send_*", "send_email"),
            ("send_*", "send_"),
            ("*_email", "send_email"),
            ("a*b*c", "aXbYbZc"),
            ("api.openai.com/*", "api.openai.com/v1/chat"),
            ("**", "a"),
        ] {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [
            ("", "a"),
            ("a", ""),
            ("send_*", "resend_email"),
            ("a*b*c", "aXbYbZ"),
            ("*.example.com", "example.com"),
            ("a?c", "abc"),
        ] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
    }

    #[test]
    fn prefixes_are_covered_by_globs_with_an_open_end_only() {
        assert!(covers("github/*", "github/issues/"));
        assert!(covers("git*", "github/"));
        assert!(!covers("github/issues/*", "github/"));
        assert!(!covers("*_issue", "github/"));
        assert!(overlaps("github/issues/*", "github/"));
        assert!(overlaps("*_issue", "github/"));
        assert!(!overlaps("gitlab/*", "github/"));
        assert!(!overlaps("git", "github/"));
    }

    fn slow(glob: &[u8], text: &[u8]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => slow(rest, text),
            (Some((b'*', rest)), Some((_, tail))) => slow(rest, text) || slow(glob, tail),
            (Some((a, rest)), Some((b, tail))) => a == b && slow(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(glob in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(matches(&glob, &text), slow(glob.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn what_is_covered_matches_and_what_does_not_overlap_does_not(
            glob in "[ab*]{0,6}", prefix in "[ab]{0,4}", rest in "[ab]{0,6}",
        ) {
            let text = format!("{prefix}{rest}");
            prop_assert!(!covers(&glob, &prefix) || matches(&glob, &text));
            prop_assert!(overlaps(&glob, &prefix) || !matches(&glob, &text));
        }

        #[test]
        fn what_overlaps_has_a_witness(glob in "[ab*]{0,5}", prefix in "[ab]{0,4}") {
            let witness = (0..=glob.len()).any(|from| {
                let rest = glob.get(from..).unwrap_or_default().replace('*', "");
                matches(&glob, &format!("{prefix}{rest}"))
            });
            prop_assert_eq!(overlaps(&glob, &prefix), witness);
        }
    }
}
