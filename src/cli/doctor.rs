//! `doctor`: what this machine has for drawing and computing, and how to get what it lacks.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::args::DoctorArgs;
use super::{CliError, print_json, print_text, system_library};
use crate::app::sample;
use crate::gpu::adapters::{AdapterReport, adapters};
use crate::gpu::{Gpu, GpuError};
use crate::units;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    adapters: Vec<AdapterReport>,
    /// The one that would be used.
    chosen: Option<AdapterReport>,
    display: Display,
    sample: Option<PathBuf>,
    missing: Vec<Missing>,
}

#[derive(Serialize)]
struct Display {
    x11: Option<String>,
    wayland: Option<String>,
}

/// Something that is not there.
#[derive(Serialize)]
struct Missing {
    what: String,
    /// What does not work without.
    why: &'static str,
    fix: String,
}

pub fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let report = examine();
    if args.json { print_json(&report) } else { print_text(&text(&report)) }
}

fn examine() -> Report {
    let display = Display { x11: set_variable("DISPLAY"), wayland: set_variable("WAYLAND_DISPLAY") };
    let sample = sample::find();
    let mut missing = Vec::new();
    let chosen = match Gpu::headless() {
        Ok(gpu) => Some(gpu.report()),
        Err(error) => {
            missing.push(without_adapter(&error));
            None
        }
    };
    if display.x11.is_none() && display.wayland.is_none() {
        missing.push(Missing {
            what: "a display".to_owned(),
            why: "the window; every other command works without one",
            fix: "log in to a desktop, over VNC or with ssh -X; DISPLAY or WAYLAND_DISPLAY is set there".to_owned(),
        });
    }
    missing.extend(missing_libraries(&display));
    if sample.is_none() {
        missing.push(Missing {
            what: "the bundled run".to_owned(),
            why: "tensorscope without RUN",
            fix: format!("set {} to the folder fixtures/ of the sources", sample::FIXTURES_VARIABLE),
        });
    }
    Report { version: env!("CARGO_PKG_VERSION"), adapters: adapters(), chosen, display, sample, missing }
}

fn set_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn without_adapter(error: &GpuError) -> Missing {
    let fix = match error {
        GpuError::NoAdapter if cfg!(target_os = "linux") => {
            "apt-get install mesa-vulkan-drivers libvulkan1 for a software adapter, or your GPU's Vulkan driver"
                .to_owned()
        }
        GpuError::NoAdapter => "install your GPU's driver".to_owned(),
        other => other.to_string(),
    };
    Missing { what: "a graphics adapter".to_owned(), why: "the window, render and --engine gpu", fix }
}

/// Libraries that the window opens when it starts, and that are not there. One line for all packages.
fn missing_libraries(display: &Display) -> Option<Missing> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    if cfg!(target_os = "linux") {
        wanted.push(("libxkbcommon.so.0", "libxkbcommon0"));
        if display.x11.is_some() || display.wayland.is_none() {
            wanted.extend([
                ("libX11.so.6", "libx11-6"),
                ("libX11-xcb.so.1", "libx11-xcb1"),
                ("libXcursor.so.1", "libxcursor1"),
                ("libXi.so.6", "libxi6"),
                ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
            ]);
        }
        if display.wayland.is_some() {
            wanted.push(("libwayland-client.so.0", "libwayland-client0"));
        }
    }
    wanted.retain(|(library, _)| !system_library::is_there(library));
    let (libraries, packages): (Vec<&str>, Vec<&str>) = wanted.into_iter().unzip();
    (!libraries.is_empty()).then(|| Missing {
        what: libraries.join(", "),
        why: "the window",
        fix: format!("apt-get install {}", packages.join(" ")),
    })
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "tensorscope {}", report.version);
    for adapter in &report.adapters {
        let used = if report.chosen.as_ref() == Some(adapter) { "  <- used" } else { "" };
        let short = if adapter.usable { "" } else { "  below WebGPU's default limits" };
        let _ = writeln!(
            out,
            "adapter      {} ({}, {}, {}){short}{used}",
            adapter.name, adapter.backend, adapter.kind, adapter.driver
        );
        let _ = writeln!(
            out,
            "             binding {}, buffer {}, texture side {}",
            units::bytes(adapter.storage_binding_bytes),
            units::bytes(adapter.buffer_bytes),
            adapter.texture_side
        );
    }
    if report.adapters.is_empty() {
        let _ = writeln!(out, "adapter      none");
    }
    let or_unset = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    let _ = writeln!(
        out,
        "display      DISPLAY {}, WAYLAND_DISPLAY {}",
        or_unset(&report.display.x11),
        or_unset(&report.display.wayland)
    );
    let sample = report.sample.as_ref().map_or_else(|| "not found".to_owned(), |p| p.display().to_string());
    let _ = writeln!(out, "bundled run  {sample}");
    if report.missing.is_empty() {
        let _ = writeln!(out, "nothing is missing");
    }
    for missing in &report.missing {
        let _ = writeln!(out, "missing      {} (for: {}); {}", missing.what, missing.why, missing.fix);
    }
    out
}
