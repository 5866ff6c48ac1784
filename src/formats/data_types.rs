//! ggml's tensor types: names and sizes by id.

/// A tensor type of ggml.
#[derive(Debug, PartialEq, Eq)]
pub struct DataType {
    pub id: u32,
    /// As `ggml_type_name` writes it, such as `q4_K`.
    pub name: &'static str,
    /// Elements and bytes of a block; `None` for types that were removed from ggml and have no size any more.
    pub block: Option<(u64, u64)>,
}

const fn sized(id: u32, name: &'static str, elements: u64, bytes: u64) -> DataType {
    DataType { id, name, block: Some((elements, bytes)) }
}

const fn removed(id: u32, name: &'static str) -> DataType {
    DataType { id, name, block: None }
}

/// ggml 0.26's tensor types, each at its id.
const DATA_TYPES: [DataType; 43] = [
    sized(0, "f32", 1, 4),
    sized(1, "f16", 1, 2),
    sized(2, "q4_0", 32, 18),
    sized(3, "q4_1", 32, 20),
    removed(4, "q4_2"),
    removed(5, "q4_3"),
    sized(6, "q5_0", 32, 22),
    sized(7, "q5_1", 32, 24),
    sized(8, "q8_0", 32, 34),
    sized(9, "q8_1", 32, 36),
    sized(10, "q2_K", 256, 84),
    sized(11, "q3_K", 256, 110),
    sized(12, "q4_K", 256, 144),
    sized(13, "q5_K", 256, 176),
    sized(14, "q6_K", 256, 210),
    sized(15, "q8_K", 256, 292),
    sized(16, "iq2_xxs", 256, 66),
    sized(17, "iq2_xs", 256, 74),
    sized(18, "iq3_xxs", 256, 98),
    sized(19, "iq1_s", 256, 50),
    sized(20, "iq4_nl", 32, 18),
    sized(21, "iq3_s", 256, 110),
    sized(22, "iq2_s", 256, 82),
    sized(23, "iq4_xs", 256, 136),
    sized(24, "i8", 1, 1),
    sized(25, "i16", 1, 2),
    sized(26, "i32", 1, 4),
    sized(27, "i64", 1, 8),
    sized(28, "f64", 1, 8),
    sized(29, "iq1_m", 256, 56),
    sized(30, "bf16", 1, 2),
    removed(31, "q4_0_4_4"),
    removed(32, "q4_0_4_8"),
    removed(33, "q4_0_8_8"),
    sized(34, "tq1_0", 256, 54),
    sized(35, "tq2_0", 256, 66),
    removed(36, "iq4_nl_4_4"),
    removed(37, "iq4_nl_4_8"),
    removed(38, "iq4_nl_8_8"),
    sized(39, "mxfp4", 32, 17),
    sized(40, "nvfp4", 64, 36),
    sized(41, "q1_0", 128, 18),
    sized(42, "q2_0", 64, 18),
];

/// The type with this id, or `None` for ids that ggml 0.26 does not know.
pub fn data_type(id: u32) -> Option<&'static DataType> {
    DATA_TYPES.get(usize::try_from(id).ok()?)
}

/// Names of ggml 0.26's tensor types, in order of id.
pub fn names() -> impl Iterator<Item = &'static str> {
    DATA_TYPES.iter().map(|t| t.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_stands_at_its_id() {
        for (id, data_type) in DATA_TYPES.iter().enumerate() {
            assert_eq!(data_type.id as usize, id, "{}", data_type.name);
        }
        assert_eq!(data_type(12).and_then(|t| t.block), Some((256, 144)));
        assert_eq!(data_type(31).map(|t| t.block), Some(None));
        assert_eq!(data_type(43), None);
    }
}
