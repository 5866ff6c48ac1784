//! A GGUF reader for the tests: strict where llama.cpp is.

use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(f64),
    Bool(bool),
    Text(String),
    Array(Vec<Value>),
}

impl Value {
    pub fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("not a number: {other:?}"),
        }
    }

    pub fn items(&self) -> &[Value] {
        match self {
            Self::Array(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    pub shape: Vec<u64>,
    pub type_id: u32,
    /// In the data section.
    pub offset: u64,
    pub bytes: u64,
}

pub struct Header {
    pub metadata: BTreeMap<String, Value>,
    pub tensors: Vec<TensorInfo>,
    pub data_offset: u64,
}

impl Header {
    pub fn number(&self, key: &str) -> f64 {
        self.metadata.get(key).unwrap_or_else(|| panic!("no {key}")).number()
    }

    pub fn items(&self, key: &str) -> &[Value] {
        self.metadata.get(key).unwrap_or_else(|| panic!("no {key}")).items()
    }

    pub fn tensor(&self, name: &str) -> &TensorInfo {
        self.tensors.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// A tensor's bytes in `file`, all of the file that this is the header of.
    pub fn data<'a>(&self, file: &'a [u8], name: &str) -> &'a [u8] {
        let tensor = self.tensor(name);
        let first = (self.data_offset + tensor.offset) as usize;
        &file[first..first + tensor.bytes as usize]
    }
}

/// Numbers in a block and bytes of a block, by type.
fn block(type_id: u32) -> (u64, u64) {
    match type_id {
        0 => (1, 4),
        1 => (1, 2),
        8 => (32, 34),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        39 => (32, 17),
        other => panic!("a type that no model here has: {other}"),
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.bytes[self.at..self.at + N].try_into().expect("as many");
        self.at += N;
        taken
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn text(&mut self) -> String {
        let len = self.u64() as usize;
        let text = String::from_utf8(self.bytes[self.at..self.at + len].to_vec()).expect("UTF-8");
        self.at += len;
        text
    }

    fn value(&mut self, type_id: u32) -> Value {
        match type_id {
            2 => Value::Number(f64::from(u16::from_le_bytes(self.take()))),
            4 => Value::Number(f64::from(self.u32())),
            5 => Value::Number(f64::from(i32::from_le_bytes(self.take()))),
            6 => Value::Number(f64::from(f32::from_le_bytes(self.take()))),
            7 => Value::Bool(self.take::<1>() == [1]),
            8 => Value::Text(self.text()),
            9 => {
                let (element, len) = (self.u32(), self.u64());
                assert_ne!(element, 9, "llama.cpp takes no arrays of arrays");
                Value::Array((0..len).map(|_| self.value(element)).collect())
            }
            other => panic!("a value of type {other}"),
        }
    }
}

/// Reads the header at the beginning of `bytes`, and checks what llama.cpp checks.
pub fn read(bytes: &[u8]) -> Header {
    let mut cursor = Cursor { bytes, at: 0 };
    assert_eq!(&cursor.take::<4>(), b"GGUF");
    assert_eq!(cursor.u32(), 3);
    let (tensors, pairs) = (cursor.u64(), cursor.u64());
    let mut metadata = BTreeMap::new();
    for _ in 0..pairs {
        let (key, type_id) = (cursor.text(), cursor.u32());
        let value = cursor.value(type_id);
        assert!(metadata.insert(key.clone(), value).is_none(), "{key} twice");
    }
    let mut infos: Vec<TensorInfo> = vec![];
    let mut expected_offset = 0;
    for _ in 0..tensors {
        let (name, dimensions) = (cursor.text(), cursor.u32());
        let shape: Vec<u64> = (0..dimensions).map(|_| cursor.u64()).collect();
        let (type_id, offset) = (cursor.u32(), cursor.u64());
        let (block_len, block_bytes) = block(type_id);
        assert_eq!(shape[0] % block_len, 0, "{name}");
        let bytes = shape.iter().product::<u64>() / block_len * block_bytes;
        assert_eq!(offset, expected_offset, "{name} does not begin where the one before it ends");
        assert!(infos.iter().all(|info| info.name != name), "{name} twice");
        expected_offset = (offset + bytes).next_multiple_of(32);
        infos.push(TensorInfo { name, shape, type_id, offset, bytes });
    }
    Header { metadata, tensors: infos, data_offset: (cursor.at as u64).next_multiple_of(32) }
}

/// Reads a whole file, whose length must be what its header says.
pub fn read_file(path: &Path) -> (Header, Vec<u8>) {
    let bytes = std::fs::read(path).expect("the file");
    let header = read(&bytes);
    assert_eq!(bytes.len() as u64, header.data_offset + data_bytes(&header));
    (header, bytes)
}

pub fn data_bytes(header: &Header) -> u64 {
    header.tensors.iter().map(|tensor| tensor.bytes.next_multiple_of(32)).sum()
}
