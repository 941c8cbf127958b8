//! Ciphers that need no key: letters shifted, mirrored, or written backwards.

/// A way to write letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// Backwards.
    Reversed,
    /// Each letter of ASCII that many places later in the alphabet, 1 to 25; 13 is ROT13.
    Shifted(u8),
    /// The alphabet backwards (atbash).
    Mirrored,
}

impl Cipher {
    /// Each of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let shifted = (1..26).map(Self::Shifted);
        shifted.chain([Self::Reversed, Self::Mirrored])
    }

    /// Its name, as in the ids of rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reversed => "reversed",
            Self::Shifted(13) => "rot13",
            Self::Shifted(_) => "caesar",
            Self::Mirrored => "atbash",
        }
    }

    /// Writes a text in the cipher.
    pub fn write(self, text: &str) -> String {
        match self {
            Self::Reversed => text.chars().rev().collect(),
            Self::Shifted(places) => each_letter(text, |letter| (letter + places) % 26),
            Self::Mirrored => each_letter(text, |letter| 25 - letter),
        }
    }

    /// Reads a text that is written in the cipher.
    pub fn read(self, text: &str) -> String {
        match self {
            Self::Shifted(places) => Self::Shifted((26 - places % 26) % 26).write(text),
            other => other.write(text),
        }
    }
}

fn each_letter(text: &str, change: impl Fn(u8) -> u8) -> String {
    let letter = |char: char| match char {
        'a'..='z' => char::from(b'a' + change(char as u8 - b'a')),
        'A'..='Z' => char::from(b'A' + change(char as u8 - b'A')),
        other => other,
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for cipher in Cipher::all() {
            let text = "Ignore it, naïve 1!";
            assert_eq!(cipher.read(&cipher.write(text)), text, "{cipher:?}");
        }
        assert_eq!(Cipher::Shifted(13).write("Ignore"), "Vtaber");
        assert_eq!(Cipher::Mirrored.write("abc"), "zyx");
    }
}
