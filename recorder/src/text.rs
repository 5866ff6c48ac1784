//! Tokens as text: pieces may end in the middle of a character.

/// Puts the pieces of tokens together to whole characters.
#[derive(Debug, Default)]
pub struct Pieces {
    rest: Vec<u8>,
}

impl Pieces {
    /// The characters that are whole with `piece`; what begins one waits for the next piece. Bytes that belong to no
    /// character become U+FFFD.
    pub fn push(&mut self, piece: &[u8]) -> String {
        self.rest.extend_from_slice(piece);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.rest) {
                Ok(all) => {
                    text.push_str(all);
                    self.rest.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.rest[..valid]));
                    let Some(bad) = error.error_len() else {
                        self.rest.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.rest.drain(..valid + bad);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_split_over_tokens_comes_whole() {
        let mut pieces = Pieces::default();
        assert_eq!(pieces.push(b"caf\xc3"), "caf");
        assert_eq!(pieces.push(b"\xa9 "), "\u{e9} ");
        assert_eq!(pieces.push(b"\xff!\xe2\x82"), "\u{fffd}!");
        assert_eq!(pieces.push(b"\xac"), "\u{20ac}");
    }
}
