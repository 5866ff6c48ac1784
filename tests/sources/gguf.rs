//! Writes small GGUF files, right and wrong ones, byte by byte.

/// Header and data of a GGUF file in the making.
pub struct Writer {
    pub version: u32,
    values: Vec<u8>,
    value_count: u64,
    infos: Vec<u8>,
    tensor_count: u64,
    data_bytes: u64,
    pub alignment: u64,
}

impl Writer {
    pub fn new() -> Self {
        Self {
            version: 3,
            values: vec![],
            value_count: 0,
            infos: vec![],
            tensor_count: 0,
            data_bytes: 0,
            alignment: 32,
        }
    }

    /// A key, a value type and the value's bytes as they are.
    pub fn raw_value(mut self, key: &str, type_id: u32, value: &[u8]) -> Self {
        push_text(&mut self.values, key);
        self.values.extend(type_id.to_le_bytes());
        self.values.extend(value);
        self.value_count += 1;
        self
    }

    pub fn number(self, key: &str, value: u32) -> Self {
        self.raw_value(key, 4, &value.to_le_bytes())
    }

    pub fn text(self, key: &str, value: &str) -> Self {
        let mut bytes = vec![];
        push_text(&mut bytes, value);
        self.raw_value(key, 8, &bytes)
    }

    /// A tensor at any relative offset.
    pub fn tensor_at(mut self, name: &str, shape: &[u64], type_id: u32, offset: u64) -> Self {
        push_text(&mut self.infos, name);
        self.infos.extend(u32::try_from(shape.len()).unwrap().to_le_bytes());
        for n in shape {
            self.infos.extend(n.to_le_bytes());
        }
        self.infos.extend(type_id.to_le_bytes());
        self.infos.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        self
    }

    /// A tensor of `bytes` bytes behind the one before, as ggml lays them out.
    pub fn tensor(self, name: &str, shape: &[u64], type_id: u32, bytes: u64) -> Self {
        let offset = self.data_bytes.next_multiple_of(self.alignment);
        let mut after = self.tensor_at(name, shape, type_id, offset);
        after.data_bytes = offset + bytes;
        after
    }

    /// Header without padding and data.
    pub fn header(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.tensor_count.to_le_bytes());
        bytes.extend(self.value_count.to_le_bytes());
        bytes.extend(&self.values);
        bytes.extend(&self.infos);
        bytes
    }

    /// The whole file; its data is 0xDA everywhere, padding too.
    pub fn file(&self) -> Vec<u8> {
        let mut bytes = self.header();
        let data_offset = (bytes.len() as u64).next_multiple_of(self.alignment);
        bytes.resize(usize::try_from(data_offset + self.data_bytes).unwrap(), 0xDA);
        bytes
    }
}

pub fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A small mixture of experts with most kinds of values.
pub fn small_model() -> Writer {
    let mut words = 8_u32.to_le_bytes().to_vec();
    words.extend(3_u64.to_le_bytes());
    for word in ["a", "", "long word"] {
        push_text(&mut words, word);
    }
    let mut scores = 6_u32.to_le_bytes().to_vec();
    scores.extend(2_u64.to_le_bytes());
    scores.extend([0; 8]);
    Writer::new()
        .text("general.architecture", "toy")
        .text("general.name", "Toy 2x1")
        .number("toy.block_count", 2)
        .number("toy.expert_count", 4)
        .number("toy.expert_used_count", 2)
        .raw_value("toy.rope.scale", 6, &0.5_f32.to_le_bytes())
        .raw_value("toy.causal", 7, &[1])
        .raw_value("toy.i8", 1, &[0xFE])
        .raw_value("toy.i64", 11, &(-5_i64).to_le_bytes())
        .raw_value("toy.u64", 10, &u64::MAX.to_le_bytes())
        .raw_value("tokenizer.words", 9, &words)
        .raw_value("tokenizer.scores", 9, &scores)
        .text("tokenizer.template", &"x".repeat(5000))
        .tensor("token_embd.weight", &[32, 10], 8, 340)
        .tensor("blk.0.ffn_up_exps.weight", &[32, 8, 4], 2, 18 * 8 * 4)
        .tensor("blk.0.ffn_up_exps.bias", &[8, 4], 0, 128)
        .tensor("blk.0.ffn_gate_inp.weight", &[32, 4], 0, 512)
        .tensor("output_norm.weight", &[32], 0, 128)
}
