//! Colours of the heatmap: perceptual palettes, made from a few control points in OKLab.
//!
//! Shaders read the same tables that `Palette::sample` does. OKLab after Björn Ottosson,
//! <https://bottosson.github.io/posts/oklab/>.

use std::sync::LazyLock;

use crate::kernel_io::heat::bucket_of;

/// Entries of a palette.
pub const PALETTE_LEN: usize = 256;

/// Lightness rises all along each of them, so that they can be read without telling hues apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Palette {
    /// Cold blue over violet to hot red.
    #[default]
    Heat,
    /// Violet over teal to yellow.
    Viridis,
    /// Blue over grey to yellow, which look the same with and without red-green blindness.
    Cividis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Theme {
    #[default]
    Dark,
    Light,
}

/// How values from 1 to the highest are spread over a palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scale {
    Linear,
    #[default]
    Logarithmic,
    /// Equally many touched cells of the level have each colour.
    Equalised,
}

impl Theme {
    /// Of cells that are not known yet.
    pub fn pending(self) -> [u8; 4] {
        match self {
            Self::Dark => [34, 37, 43, 255],
            Self::Light => [228, 231, 235, 255],
        }
    }

    /// Of cells that nothing touched; no palette comes near it.
    pub fn untouched(self) -> [u8; 4] {
        match self {
            Self::Dark => [20, 22, 26, 255],
            Self::Light => [244, 245, 247, 255],
        }
    }
}

impl Scale {
    /// Where `value`, of at least 1, stands between 1 and `highest`, from 0 to 1; `ranks` are those of the level's buckets of values.
    pub fn position(self, value: u64, highest: u64, ranks: &[f32]) -> f32 {
        // Where all that is touched is touched once, once is the coldest colour all the same.
        let (amount, highest) = (value.max(1) as f32, highest.max(2) as f32);
        let position = match self {
            Self::Linear => (amount - 1.0) / (highest - 1.0),
            Self::Logarithmic => amount.log2() / highest.log2(),
            Self::Equalised => ranks.get(bucket_of(value)).copied().unwrap_or(1.0),
        };
        position.clamp(0.0, 1.0)
    }
}

impl Palette {
    pub const ALL: [Self; 3] = [Self::Heat, Self::Viridis, Self::Cividis];

    /// Lightness, chroma and hue (degrees) of the control points.
    fn control_points(self) -> &'static [[f32; 3]] {
        match self {
            Self::Heat => {
                &[[0.45, 0.20, 262.0], [0.50, 0.21, 290.0], [0.55, 0.21, 325.0], [0.60, 0.21, 2.0], [0.65, 0.23, 30.0]]
            }
            Self::Viridis => &[
                [0.28, 0.13, 312.0],
                [0.43, 0.11, 264.0],
                [0.57, 0.085, 205.0],
                [0.72, 0.15, 155.0],
                [0.91, 0.19, 108.0],
            ],
            Self::Cividis => &[[0.26, 0.09, 258.0], [0.48, 0.02, 265.0], [0.68, 0.05, 96.0], [0.90, 0.14, 97.0]],
        }
    }

    /// The palette's colours, cold to hot, gamma-encoded RGBA.
    pub fn table(self) -> &'static [[u8; 4]; PALETTE_LEN] {
        static TABLES: LazyLock<[[[u8; 4]; PALETTE_LEN]; 3]> =
            LazyLock::new(|| Palette::ALL.map(|palette| tabulate(palette.control_points())));
        &TABLES[self.index()]
    }

    /// Where the palette stands in `ALL`, and in the tables that shaders read.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The colour at `position`, from 0 for cold to 1 for hot.
    pub fn sample(self, position: f32) -> [u8; 4] {
        let last = (PALETTE_LEN - 1) as f32;
        self.table()[(position.clamp(0.0, 1.0) * last + 0.5) as usize]
    }
}

/// Points of the curve between the control points, which entries are chosen from.
const CURVE_POINTS: usize = 4096;

/// Equal steps along the curve through `points`, so that equal steps of value look equal.
fn tabulate(points: &[[f32; 3]]) -> [[u8; 4]; PALETTE_LEN] {
    let labs: Vec<[f32; 3]> = points.iter().map(|&point| lab_of_lch(point)).collect();
    let curve: Vec<[f32; 3]> = (0..CURVE_POINTS)
        .map(|step| {
            let along = step as f32 / (CURVE_POINTS - 1) as f32 * (labs.len() - 1) as f32;
            let from = (along as usize).min(labs.len() - 2);
            into_gamut(mix(labs[from], labs[from + 1], along - from as f32))
        })
        .collect();
    let mut length = 0.0;
    let mut lengths = vec![0.0];
    for pair in curve.windows(2) {
        length += distance(pair[0], pair[1]);
        lengths.push(length);
    }
    std::array::from_fn(|entry| {
        let wanted = length * entry as f32 / (PALETTE_LEN - 1) as f32;
        let at = lengths.partition_point(|&length| length < wanted).min(CURVE_POINTS - 1);
        let [red, green, blue] = linear_of_lab(curve[at]).map(encode);
        [red, green, blue, 255]
    })
}

fn mix(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
}

fn lab_of_lch([lightness, chroma, hue]: [f32; 3]) -> [f32; 3] {
    let (sin, cos) = hue.to_radians().sin_cos();
    [lightness, chroma * cos, chroma * sin]
}

/// The colour of the same lightness and hue that sRGB has, with as much of the chroma as it allows.
fn into_gamut(lab: [f32; 3]) -> [f32; 3] {
    let with_chroma = |share: f32| [lab[0], lab[1] * share, lab[2] * share];
    let shown = |lab| linear_of_lab(lab).iter().all(|channel| (-0.0005..=1.0005).contains(channel));
    if shown(lab) {
        return lab;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..16 {
        let middle = 0.5 * (low + high);
        if shown(with_chroma(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    with_chroma(low)
}

/// Linear sRGB.
fn linear_of_lab([l, a, b]: [f32; 3]) -> [f32; 3] {
    let long = (l + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (l - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (l - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
}

fn encode(linear: f32) -> u8 {
    let linear = linear.clamp(0.0, 1.0);
    let encoded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0).round() as u8
}
