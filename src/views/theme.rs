//! Colours of what is drawn: one meaning, one colour, in every view. Hues after Okabe and Ito, told apart by
//! colour-blind eyes too (<https://jfly.uni-koeln.de/color/>).

use egui::Color32;

use crate::state::Theme;
use crate::trace::{Category, NodeType, Phase, Track};

const BLUE: Color32 = Color32::from_rgb(0x3D, 0x9B, 0xE0);
const GREEN: Color32 = Color32::from_rgb(0x1E, 0xA8, 0x7E);
const ORANGE: Color32 = Color32::from_rgb(0xE6, 0x9F, 0x00);
const PURPLE: Color32 = Color32::from_rgb(0xC8, 0x78, 0xB0);
const GREY: Color32 = Color32::from_rgb(0x7C, 0x86, 0x94);
/// Words about what is selected, readable on the theme's ground.
pub fn selected_text(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => SELECTED,
        Theme::Light => Color32::from_rgb(0x8A, 0x5A, 0x00),
    }
}

/// What is selected, and what the cursor is on.
pub const SELECTED: Color32 = Color32::from_rgb(0xFF, 0xD2, 0x3F);
pub const HOVERED: Color32 = Color32::from_rgb(0xF4, 0xF7, 0xFB);

/// Where playback is.
pub fn playhead(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => Color32::from_rgb(0xFF, 0x6B, 0x57),
        Theme::Light => Color32::from_rgb(0xC8, 0x32, 0x1E),
    }
}

/// A ring that can be seen on the theme's canvas.
pub fn hovered(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => HOVERED,
        Theme::Light => Color32::from_rgb(0x20, 0x28, 0x34),
    }
}

/// Names on a canvas, and those that stay behind the others.
pub fn label(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => Color32::from_rgb(0xD8, 0xDE, 0xE8),
        Theme::Light => Color32::from_rgb(0x1C, 0x22, 0x2C),
    }
}

pub fn faint_label(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => Color32::from_rgb(0x8C, 0x98, 0xAA),
        Theme::Light => Color32::from_rgb(0x5A, 0x66, 0x76),
    }
}

pub fn node_type(node_type: NodeType) -> Color32 {
    match node_type {
        NodeType::Layer => BLUE,
        NodeType::Infrastructure => GREY,
        NodeType::Embedding => ORANGE,
        NodeType::Output => PURPLE,
    }
}

pub fn category(category: Category) -> Color32 {
    match category {
        Category::Layer => BLUE,
        Category::Shared => GREEN,
        Category::Input => ORANGE,
        Category::Output => PURPLE,
    }
}

/// Of the kinds of op by how many there are: the eight most frequent are told apart, the others are grey.
pub fn kind(rank: usize) -> Color32 {
    const MORE: [Color32; 4] = [
        Color32::from_rgb(0xE0, 0x6C, 0x5A),
        Color32::from_rgb(0x7C, 0xC8, 0xF0),
        Color32::from_rgb(0xD8, 0xC8, 0x3C),
        Color32::from_rgb(0x8E, 0x7C, 0xE8),
    ];
    [BLUE, ORANGE, GREEN, PURPLE].into_iter().chain(MORE).nth(rank).unwrap_or(GREY)
}

pub fn track(track: Track) -> Color32 {
    match track {
        Track::Disk => BLUE,
        Track::Buffer => GREEN,
    }
}

/// Memory by kind: weights are what DISK holds, the others share BUFFER.
pub const MEMORY: [(&str, Color32); 3] = [("weights", BLUE), ("KV", PURPLE), ("compute", GREEN)];

/// Bars and lines of charts by what they count.
pub const TIME: Color32 = ORANGE;
pub const COUNT: Color32 = Color32::from_rgb(0x7C, 0xC8, 0xF0);
pub const EXPERTS: Color32 = PURPLE;

pub fn phase(phase: Phase) -> Color32 {
    match phase {
        Phase::Prompt => ORANGE,
        Phase::Generate => BLUE,
        Phase::Warmup => GREY,
    }
}

/// Neighbouring layers look different, layers far apart may not.
pub fn layer(layer: Option<u32>, theme: Theme) -> Color32 {
    let Some(layer) = layer else { return faint(theme) };
    let (dark, light) = match theme {
        Theme::Dark => (Color32::from_rgb(0x2A, 0x4D, 0x74), Color32::from_rgb(0x3A, 0x6A, 0x9C)),
        Theme::Light => (Color32::from_rgb(0xA9, 0xCB, 0xEA), Color32::from_rgb(0x86, 0xB4, 0xDF)),
    };
    if layer.is_multiple_of(2) { dark } else { light }
}

/// Files and buffers, told apart from layers.
pub fn home(index: usize, theme: Theme) -> Color32 {
    let shades = match theme {
        Theme::Dark => [Color32::from_rgb(0x3B, 0x4A, 0x46), Color32::from_rgb(0x4A, 0x5C, 0x57)],
        Theme::Light => [Color32::from_rgb(0xC2, 0xD8, 0xD1), Color32::from_rgb(0xAD, 0xC9, 0xC0)],
    };
    shades[index % 2]
}

/// Neighbouring experts look different.
pub fn expert(expert: u32) -> Color32 {
    let shades = [Color32::from_rgb(0x6B, 0x57, 0x80), Color32::from_rgb(0x80, 0x6A, 0x96)];
    shades[(expert % 2) as usize]
}

/// Text that can be read on `fill`.
pub fn ink_on(fill: Color32) -> Color32 {
    // Weights of the channels' brightness after ITU-R BT.601.
    let [r, g, b, _] = fill.to_array().map(f32::from);
    if 0.299 * r + 0.587 * g + 0.114 * b > 105.0 {
        Color32::from_rgb(16, 18, 22)
    } else {
        Color32::from_rgb(236, 239, 244)
    }
}

pub fn faint(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => Color32::from_rgb(0x3A, 0x3F, 0x48),
        Theme::Light => Color32::from_rgb(0xCF, 0xD5, 0xDD),
    }
}

pub fn canvas(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => Color32::from_rgb(20, 22, 26),
        Theme::Light => Color32::from_rgb(244, 245, 247),
    }
}

pub fn edge(theme: Theme) -> Color32 {
    match theme {
        Theme::Dark => Color32::from_rgba_unmultiplied(0x9A, 0xA6, 0xB8, 120),
        Theme::Light => Color32::from_rgba_unmultiplied(0x50, 0x5C, 0x6C, 120),
    }
}

/// Sets egui's own look. Animations are off: a picture at rest asks for no frames.
pub fn apply(context: &egui::Context, theme: Theme) {
    context.set_theme(match theme {
        Theme::Dark => egui::Theme::Dark,
        Theme::Light => egui::Theme::Light,
    });
    context.all_styles_mut(|style| {
        style.animation_time = 0.0;
        style.spacing.item_spacing = egui::vec2(6.0, 3.0);
        style.spacing.button_padding = egui::vec2(6.0, 2.0);
        style.spacing.interact_size.y = 18.0;
        style.interaction.tooltip_delay = 0.0;
        style.visuals.window_shadow = egui::Shadow::NONE;
        style.visuals.popup_shadow = egui::Shadow::NONE;
        for (text, size) in [
            (egui::TextStyle::Body, 12.5),
            (egui::TextStyle::Button, 12.5),
            (egui::TextStyle::Small, 10.5),
            (egui::TextStyle::Monospace, 12.0),
            (egui::TextStyle::Heading, 15.0),
        ] {
            if let Some(font) = style.text_styles.get_mut(&text) {
                font.size = size;
            }
        }
    });
}
