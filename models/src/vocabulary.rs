//! A vocabulary in SentencePiece's form: single bytes, English words that prompts read well with, and fillers.

use std::collections::HashSet;

use crate::gguf::Value;

/// Ids of the tokens that no text is written with; they are those that llama.cpp takes for this form of vocabulary.
const UNKNOWN: u32 = 0;
const BEGIN: u32 = 1;
const END: u32 = 2;

/// What llama.cpp calls the kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    Unused = 5,
    Byte = 6,
}

/// Stands for a space, which begins a word.
const SPACE: char = '\u{2581}';

const WORDS: &str = "\
the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one \
you were all her she there would their we him been has when who will no more if out so up said what its about than \
into them can only other time new some could these two may first then do any like my now over such our man me even \
most made after also did many off before must well back through years much where your way down should because long \
each just state those people too mr how little good world make very year still see work own life here between both \
being under three never know same last another while us might great go day come since against right came take used \
few house use place during high without again home around small however found part school once upon every left number \
general until always away something fact water public put think almost hand enough far took head yet government system \
set better told nothing night end called why eyes find going look asked later point next program city business give \
group toward days young let room president side social given present several order second possible rather face per \
among form important often things looked early white case large big become need four within felt along children saw \
best church ever least power development light thing family seemed want members others mind country area turned done \
god open problem service certain kind different thus began door help sense whole matter times perhaps name itself \
hello memory model tensor layer token expert weight weights cache page file disk read write byte buffer graph node \
matrix vector attention router prompt answer question story king queen dragon castle forest river mountain sea ship \
sun moon star red green blue black cat dog bird fish tree stone fire earth wind rain snow bread apple train road \
machine computer language word sentence letter paper number color music paris france capital london germany \
quick brown fox jumps lazy";

const ENDINGS: &str = "ing ed er ly tion ment ness able est ers ings s es ies y al ful less ous ive ize ity ism ist";

/// How much smaller the embeddings and output rows of tokens are that are no words, so that a model with random weights
/// answers in words and does not end its answer.
const NOT_A_WORD: f32 = 0.1;

pub(crate) struct Vocabulary {
    tokens: Vec<(String, TokenType)>,
    /// Of those tokens, which are whole words with the space before them.
    words: HashSet<String>,
}

impl Vocabulary {
    /// A vocabulary of `len` tokens, or of as many as the words take if these are more.
    pub(crate) fn new(len: usize) -> Self {
        let mut tokens = vec![
            ("<unk>".to_owned(), TokenType::Unknown),
            ("<s>".to_owned(), TokenType::Control),
            ("</s>".to_owned(), TokenType::Control),
        ];
        tokens.extend((0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), TokenType::Byte)));

        // A tokenizer of this form joins two tokens where the two together are a token, those with the best score first.
        // So that it arrives at a word, all beginnings of it are tokens; and so that no ending gets in its way, words
        // stand before endings, and both before the letters.
        let mut there = HashSet::new();
        let mut add = |piece: &str| {
            if there.insert(piece.to_owned()) {
                tokens.push((piece.to_owned(), TokenType::Normal));
            }
        };
        let words: Vec<String> = WORDS.split_whitespace().map(|word| format!("{SPACE}{word}")).collect();
        for piece in words.iter().cloned().chain(ENDINGS.split_whitespace().map(str::to_owned)) {
            for (at, c) in piece.char_indices() {
                add(&piece[..at + c.len_utf8()]);
            }
        }
        for c in '!'..='~' {
            add(c.encode_utf8(&mut [0; 4]));
        }
        let fillers = len.saturating_sub(tokens.len());
        tokens.extend((0..fillers).map(|i| (format!("<unused_{i}>"), TokenType::Unused)));
        Self { tokens, words: words.into_iter().collect() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.tokens.len() as u64
    }

    /// By token, how large its embedding and its row of the output matrix are.
    pub(crate) fn row_scales(&self) -> Vec<f32> {
        let scale = |(text, _): &(String, TokenType)| if self.words.contains(text) { 1.0 } else { NOT_A_WORD };
        self.tokens.iter().map(scale).collect()
    }

    pub(crate) fn metadata(&self) -> Vec<(String, Value)> {
        let score = |(i, (_, token_type)): (usize, &(String, TokenType))| match token_type {
            TokenType::Normal => -(i as f32),
            _ => 0.0,
        };
        let values: [(&str, Value); 9] = [
            ("model", "llama".into()),
            ("pre", "default".into()),
            ("tokens", Value::Texts(self.tokens.iter().map(|(text, _)| text.clone()).collect())),
            ("scores", Value::F32s(self.tokens.iter().enumerate().map(score).collect())),
            ("token_type", Value::I32s(self.tokens.iter().map(|(_, token_type)| *token_type as i32).collect())),
            ("bos_token_id", BEGIN.into()),
            ("eos_token_id", END.into()),
            ("unknown_token_id", UNKNOWN.into()),
            ("add_bos_token", true.into()),
        ];
        values.into_iter().map(|(key, value)| (format!("tokenizer.ggml.{key}"), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins neighbours the way that tokenizers of this form do: the best pair of all, until no two are a token.
    fn tokenize(vocabulary: &Vocabulary, text: &str) -> Vec<String> {
        let rank =
            |piece: &str| vocabulary.tokens.iter().position(|(text, kind)| text == piece && *kind == TokenType::Normal);
        let mut pieces: Vec<String> = format!(" {text}").replace(' ', "\u{2581}").chars().map(String::from).collect();
        loop {
            let joined = |i: usize| format!("{}{}", pieces[i], pieces[i + 1]);
            let best = (0..pieces.len() - 1).filter_map(|i| rank(&joined(i)).map(|rank| (rank, i))).min();
            let Some((_, i)) = best else { return pieces };
            pieces[i] = joined(i);
            pieces.remove(i + 1);
        }
    }

    #[test]
    fn prompts_become_words() {
        let vocabulary = Vocabulary::new(0);
        let spaced = |text: &str| tokenize(&vocabulary, text).join("|").replace(SPACE, "_");
        assert_eq!(spaced("the capital of france is"), "_the|_capital|_of|_france|_is");
        assert_eq!(spaced("Once upon a time, reading weights"), "_|O|n|c|e|_upon|_a|_time|,|_read|ing|_weights");
    }

    #[test]
    fn tokens_are_distinct_and_where_llama_cpp_looks_for_them() {
        let vocabulary = Vocabulary::new(4096);
        assert_eq!(vocabulary.len(), 4096);
        let texts: HashSet<&str> = vocabulary.tokens.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts.len(), 4096);
        assert_eq!(vocabulary.tokens[BEGIN as usize].0, "<s>");
        assert_eq!(vocabulary.tokens[3 + 0x0A].0, "<0x0A>");
        assert!(vocabulary.tokens.iter().any(|(_, kind)| *kind == TokenType::Unused));
    }
}
