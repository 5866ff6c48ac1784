//! Films: the same bytes from the same script, whole files only, bounded memory, and what is said where one stops.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tensorscope::app::Scene;
use tensorscope::app::film::{Film, Pace, Written, frame_name};
use tensorscope::gpu::Gpu;
use tensorscope::state::film_choices::Part;
use tensorscope::state::{Action, Theme, View};
use twox_hash::XxHash3_128;

use crate::native::full_disk::{in_a_process_of_its_own, limit};
use crate::workspace::{SIZE_PX, Session, sample};

fn record(folder: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_tensorscope"));
    command.arg("record").arg(sample()).arg("-o").arg(folder).args(arguments).assert()
}

fn failure(assert: &assert_cmd::assert::Assert) -> String {
    let output = assert.get_output();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    let ours: Vec<&str> = stderr.lines().filter(|line| line.starts_with("tensorscope: ")).collect();
    assert_eq!(ours.len(), 1, "{stderr}");
    ours[0].to_owned()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Size and pixels, with an alpha as the manifest counts it.
fn picture(path: &Path) -> ([u32; 2], Vec<u8>) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    let rgba = bytes.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    ([info.width, info.height], rgba)
}

/// Frames that the manifest lists; all of them are there, with those pixels, and nothing else is.
fn check(folder: &Path, size: [u32; 2]) -> Vec<String> {
    let manifest = manifest(folder);
    let frames = manifest["frames"].as_array().unwrap();
    let mut names = vec!["manifest.json".to_owned()];
    let mut hashes = Vec::new();
    for (number, frame) in (0..).zip(frames) {
        assert_eq!(frame["file"], frame_name(number));
        let (found, rgba) = picture(&folder.join(frame_name(number)));
        assert_eq!(found, size);
        assert_eq!(frame["hash"], format!("{:032x}", XxHash3_128::oneshot(&rgba)));
        names.push(frame_name(number));
        hashes.push(frame["hash"].as_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(files(folder).into_keys().collect::<Vec<_>>(), names);
    hashes
}

#[test]
fn the_run_from_start_to_end_is_the_same_bytes_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let arguments = ["--frames", "12", "--fps", "12", "--size", "643x400"];
    let said = record(&first, &arguments).success();
    let said = String::from_utf8(said.get_output().stdout.clone()).unwrap();
    assert!(said.contains("12 frames of 643 x 400, 1.00 s at 12 a second, none dropped"), "{said}");
    assert!(said.lines().last().unwrap().starts_with("ffmpeg -framerate 12 -i "), "{said}");
    fs::create_dir(&second).unwrap();
    record(&second, &arguments).success();
    let hashes = check(&first, [643, 400]);
    assert_eq!(hashes.len(), 12);
    assert!(hashes.windows(2).all(|pair| pair[0] != pair[1]), "the playhead moves in every frame: {hashes:?}");
    assert!(files(&first) == files(&second), "two runs, the same bytes");

    let manifest = manifest(&first);
    assert_eq!(
        (&manifest["fps"], &manifest["size"], &manifest["view"]),
        (&12.into(), &serde_json::json!([643, 400]), &"all".into())
    );
    assert_eq!((&manifest["run"]["name"], &manifest["run"]["ops"]), (&"smollm2-135m.tscope".into(), &23_400.into()));
    assert_eq!((&manifest["complete"], &manifest["hash"]["kind"]), (&true.into(), &"XXH3-128".into()));
    let actions = manifest["actions"].as_array().unwrap();
    assert!(actions.iter().all(|played| serde_json::from_value::<Action>(played["action"].clone()).is_ok()));
}

#[test]
fn a_script_waits_in_frames_and_ends_when_nothing_moves() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.jsonl");
    let lines = [
        "# half a second of zoom at 10 frames a second",
        r#"{"action":"wait","frames":2}"#,
        r#"{"action":"zoom","view":"heatmap","factor":8,"duration_ms":500}"#,
        r#"{"action":"wait","frames":1}"#,
        r#"{"action":"set_theme","theme":"light"}"#,
    ];
    fs::write(&script, lines.join("\n")).unwrap();
    let film = folder.path().join("film");
    let script = script.to_str().unwrap();
    record(&film, &["--actions", script, "--fps", "10", "--size", "320x200", "--view", "heatmap"]).success();
    let hashes = check(&film, [320, 200]);
    assert_eq!(hashes[0], hashes[1], "it waits for two frames");
    assert!(hashes[1..7].windows(2).all(|pair| pair[0] != pair[1]), "then it moves for five: {hashes:?}");
    let played = &manifest(&film)["actions"];
    let frames: Vec<u64> = played.as_array().unwrap().iter().map(|p| p["frame"].as_u64().unwrap()).collect();
    assert_eq!(frames, [2, 3]);
    // Sums beside the map are worked out once it has rested.
    assert!((7..=10).contains(&hashes.len()), "{hashes:?}");

    let stopped = folder.path().join("stopped");
    record(&stopped, &["--actions", script, "--frames", "4", "--size", "320x200", "--view", "heatmap"]).success();
    assert_eq!(check(&stopped, [320, 200]).len(), 4);
}

#[test]
fn a_script_that_fails_says_at_which_frame_and_leaves_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.jsonl");
    let lines = [r#"{"action":"wait","frames":3}"#, r#"{"action":"select","item":{"tensor":"blk.500.attn_q.weight"}}"#];
    fs::write(&script, lines.join("\n")).unwrap();
    let film = folder.path().join("film");
    let script = script.to_str().unwrap();
    let error = failure(&record(&film, &["--actions", script, "--size", "64x64", "--view", "health"]));
    assert!(error.contains("frame 3: ") && error.contains("blk.500.attn_q.weight"), "{error}");
    assert!(error.contains("3 whole frames and their manifest are in "), "{error}");
    assert_eq!(check(&film, [64, 64]).len(), 3);
    assert_eq!(manifest(&film)["complete"], false);
    let again = failure(&record(&film, &["--size", "64x64"]));
    assert!(again.contains("name a folder that does not exist or is empty"), "{again}");
    assert_eq!(check(&film, [64, 64]).len(), 3, "it is as it was");

    fs::write(folder.path().join("script.jsonl"), r#"{"action":"record"}"#).unwrap();
    let nested = failure(&record(&folder.path().join("other"), &["--actions", script]));
    assert!(nested.contains("`record` is for the window"), "{nested}");
    fs::write(folder.path().join("script.jsonl"), "{\"action\":\"wait\",\"frames\":1}\n{\"action\":\"jump\"}").unwrap();
    let unknown = failure(&record(&folder.path().join("other"), &["--actions", script]));
    assert!(unknown.contains("line 2") && unknown.contains("jump"), "{unknown}");
    assert!(!folder.path().join("other").exists(), "no folder is made for a film that never was");
    let nowhere = failure(&record(&folder.path().join("no/where"), &["--size", "64x64"]));
    assert!(nowhere.contains("name a folder in one that exists"), "{nowhere}");
}

/// A film in a process of its own that is too long for a test to wait for its end.
fn long_film(film: &Path, size: &str) -> std::process::Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_tensorscope"))
        .arg("record")
        .arg(sample())
        .args(["--frames", "100000", "--size", size, "-o"])
        .arg(film)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn ctrl_c_leaves_whole_frames_and_their_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film");
    let child = long_film(&film, "96x64");
    let since = Instant::now();
    while !film.join(frame_name(3)).exists() {
        assert!(since.elapsed() < Duration::from_mins(2), "no frames");
        std::thread::sleep(Duration::from_millis(10));
    }
    // SAFETY: the process is ours, and not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("tensorscope: stopped; "), "{stderr}");
    let frames = check(&film, [96, 64]).len();
    assert!(frames > 3 && stderr.contains(&format!("{frames} whole frames and their manifest")), "{stderr}");
    assert_eq!(manifest(&film)["complete"], false);
}

#[test]
fn ctrl_c_before_the_first_frame_is_in_order_too() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film");
    let child = long_film(&film, "1280x720");
    // The folder is made before the picture of the first frame comes to rest.
    let since = Instant::now();
    while !film.exists() {
        assert!(since.elapsed() < Duration::from_mins(2), "no folder");
        std::thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: the process is ours, and not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id().cast_signed(), libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("tensorscope: stopped; "), "{stderr}");
    if film.exists() {
        let frames = check(&film, [1280, 720]).len();
        assert!(stderr.contains(&format!("{frames} whole frames and their manifest")), "{stderr}");
    } else {
        assert!(stderr.contains("no frame was written"), "{stderr}");
    }
}

/// A texture of one colour, or of noise that no encoder shortens.
fn texture(gpu: &Gpu, side: u32, noise: bool) -> wgpu::Texture {
    let mut state = 1_u32;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        if noise { state.to_le_bytes()[0] } else { 40 }
    };
    let bytes: Vec<u8> = (0..side * side).flat_map(|_| [byte(), byte(), byte(), 255]).collect();
    let size = wgpu::Extent3d { width: side, height: side, depth_or_array_layers: 1 };
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(side * 4), rows_per_image: None };
    gpu.queue.write_texture(texture.as_image_copy(), &bytes, layout, size);
    gpu.wait().unwrap();
    texture
}

#[test]
fn a_full_disk_leaves_the_frames_before_it() {
    if !in_a_process_of_its_own("films::a_full_disk_leaves_the_frames_before_it") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gpu = Gpu::headless().unwrap();
    let [plain, noise] = [false, true].map(|noise| texture(&gpu, 128, noise));
    let path = folder.path().join("film");
    let mut film = Film::create(&gpu, &path, [128, 128], Pace::Alone).unwrap();
    limit(Some(20_000));
    let mut added = 0;
    // The last ones stand behind a gap.
    for picture in [&plain, &plain, &plain, &noise, &plain, &plain] {
        if film.wait_for_room() && film.add(&gpu, picture, true) {
            added += 1;
        }
    }
    assert!(added >= 4);
    let Written { hashes, fault, .. } = film.finish();
    limit(None);
    assert_eq!(hashes.len(), 3);
    let fault = fault.unwrap().to_string();
    assert!(fault.contains("frame-00003.png: no room") && fault.contains("free space there"), "{fault}");
    let names: Vec<String> = files(&path).into_keys().collect();
    assert_eq!(names, [0, 1, 2].map(frame_name), "no part of a frame, and none behind the gap");
}

#[test]
fn frames_that_do_not_change_are_one_picture_many_times() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Gpu::headless().unwrap();
    let [plain, noise] = [false, true].map(|noise| texture(&gpu, 64, noise));
    let path = folder.path().join("film");
    let mut film = Film::create(&gpu, &path, [64, 64], Pace::Alone).unwrap();
    // Long beyond what the ring and the queue hold.
    for number in 0..300 {
        assert!(film.wait_for_room());
        let (picture, changed) = if number < 150 { (&plain, number == 0) } else { (&noise, number % 50 == 0) };
        assert!(film.add(&gpu, picture, changed));
    }
    let Written { hashes, fault, .. } = film.finish();
    assert!(fault.is_none() && hashes.len() == 300);
    assert!(
        hashes[..150].iter().all(|hash| *hash == hashes[0]) && hashes[150..].iter().all(|hash| *hash == hashes[150])
    );
    assert_ne!(hashes[0], hashes[150]);
    let files = files(&path);
    assert!(files.len() == 300 && files[&frame_name(299)] == files[&frame_name(150)]);
}

#[test]
fn a_film_without_frames_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Gpu::headless().unwrap();
    let path = folder.path().join("film");
    let written = Film::create(&gpu, &path, [64, 64], Pace::Alone).unwrap().finish();
    assert!(written.hashes.is_empty() && written.fault.is_none() && !path.exists());
    fs::create_dir(&path).unwrap();
    Film::create(&gpu, &path, [64, 64], Pace::Alone).unwrap().finish();
    assert!(path.is_dir(), "it was there before");
    assert!(Film::create(&gpu, &folder.path().join("huge"), [60_000, 60_000], Pace::Alone).is_err());
    assert!(!folder.path().join("huge").exists());
}

fn film_of(session: &mut Session, path: PathBuf, view: Option<Part>, scale: Option<f32>, frames: usize) {
    // What plays never rests, so nothing is waited for but frames.
    session.scene.act(Action::Record { on: Some(true), path: Some(path), fps: Some(20), scale, view });
    let mut come = || {
        session.step(Vec::new());
        session.scene.recorded_frames().is_some_and(|recorded| recorded as usize >= frames)
    };
    assert!((0..2000).any(|_| come()), "frames come");
}

#[test]
fn a_film_of_the_window_goes_by_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let path = folder.path().join("film");
    session.act(Action::Select { item: Some(tensorscope::state::ItemRef::Op(100)) });
    // An op a frame of the film, whatever time the window's frames take.
    session.scene.act(Action::Play { clock: None, speed: None, ops_per_second: Some(20.0) });
    film_of(&mut session, path.clone(), None, None, 6);
    session.target.find_by(|name| name.contains("0 dropped")).expect("a counter");
    // What plays never rests.
    session.scene.act(Action::Pause);
    session.click("Stop recording");
    assert!(!session.scene.is_recording());
    let hashes = check(&path, SIZE_PX);
    assert!(hashes.len() >= 6, "{hashes:?}");
    assert!(hashes[1..6].windows(2).all(|pair| pair[0] != pair[1]), "one op a frame: {hashes:?}");
    assert!(
        session.scene.notice().is_some_and(|notice| notice.contains("none dropped")),
        "{:?}",
        session.scene.notice()
    );
    assert_eq!(manifest(&path)["actions"], Value::Null);
}

fn recording(on: bool, path: &Path) -> Action {
    Action::Record { on: Some(on), path: Some(path.to_owned()), fps: Some(20), scale: None, view: None }
}

#[test]
fn a_film_that_cannot_begin_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let mut session = Session::new();
    film_of(&mut session, first.clone(), None, None, 3);
    session.scene.act(recording(true, &second));
    session.step(Vec::new());
    assert!(session.scene.is_recording());
    assert!(session.scene.problem().is_some_and(|problem| problem.contains("stop it first")));

    // The last frames are waited for behind the frame of the window in which both are asked for.
    session.scene.act(recording(false, &first));
    session.scene.act(recording(true, &second));
    session.step(Vec::new());
    let problem = session.scene.problem();
    assert!(problem.is_some_and(|problem| problem.contains("not all written yet")), "{problem:?}");
    session.settle();
    assert!(check(&first, SIZE_PX).len() >= 3 && !second.exists());

    session.scene.act(recording(true, &second));
    session.scene.act(recording(false, &second));
    session.step(Vec::new());
    let problem = session.scene.problem();
    assert!(problem.is_some_and(|problem| problem.contains("before its first frame")), "{problem:?}");
    assert!(!session.scene.is_recording() && !second.exists());
}

#[test]
fn stills_in_a_row_are_all_written_each_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let places = ["dark", "dark again", "light"].map(|name| folder.path().join(format!("{name}.png")));
    let still = |place: &Path| Action::Still { path: Some(place.to_owned()), scale: None, view: None };
    session.scene.act(still(&places[0]));
    session.scene.act(still(&places[1]));
    session.step(Vec::new());
    session.scene.act(Action::SetTheme { theme: Theme::Light });
    session.scene.act(still(&places[2]));
    session.settle();
    let [dark, again, light] = places.map(|place| picture(&place).1);
    assert!(dark == again, "of one frame of the window");
    assert!(dark != light);
    assert_eq!(files(folder.path()).len(), 3, "and nothing beside them");
}

#[test]
fn a_window_that_closes_writes_its_stills_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let still = |name: &str| Action::Still { path: Some(folder.path().join(name)), scale: None, view: None };
    // A script's last lines.
    session.scene.act(still("one.png"));
    session.scene.act(still("two.png"));
    session.scene.act(Action::Quit);
    session.step(Vec::new());
    assert!(session.scene.close_requested());
    assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), ["one.png", "two.png"]);

    // The button of the window's frame: one more frame draws what was asked for.
    let mut session = Session::new();
    session.scene.act(still("three.png"));
    session.scene.act(still("four.png"));
    session.step(Vec::new());
    assert!(!session.scene.close_requested());
    session.step(Vec::new());
    assert!(session.scene.close_requested());
    for name in ["one.png", "two.png", "three.png", "four.png"] {
        assert_eq!(picture(&folder.path().join(name)).0, SIZE_PX, "{name}");
    }
    assert_eq!(files(folder.path()).len(), 4, "and nothing beside them");

    // A hidden window makes no frames: it goes when the person asks again, and leaves nothing half-written.
    let mut session = Session::new();
    session.scene.act(still("five.png"));
    session.scene.act(still("six.png"));
    session.step(Vec::new());
    assert!(!session.scene.close_requested());
    assert!(session.scene.close_requested());
    assert!(session.scene.problem().is_some_and(|problem| problem.contains("six.png")));
    assert!(files(folder.path()).keys().all(|name| !name.starts_with('.')));
}

#[test]
fn a_still_shows_a_panel_alone_at_any_scale() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::new();
    let still = |name: &str, scale, view| Action::Still { path: Some(folder.path().join(name)), scale, view };
    session.act(still("window.png", None, None));
    let (size, pixels) = picture(&folder.path().join("window.png"));
    assert_eq!(size, SIZE_PX);
    // Nothing but what the cursor is on tells it from the window itself.
    let window = session.target.read_rgba(&session.gpu).unwrap();
    let differing = pixels.as_chunks::<4>().0.iter().zip(window.as_chunks::<4>().0).filter(|(a, b)| a != b).count();
    assert!(differing * 100 < pixels.len() / 4, "{differing} pixels differ");

    session.act(still("graph.png", Some(2.0), Some(Part::View(View::Graph))));
    let (size, _) = picture(&folder.path().join("graph.png"));
    assert!(size[0] > SIZE_PX[0] / 2 && size[0] < SIZE_PX[0] && size[1] < SIZE_PX[1] * 2, "{size:?}");
    assert!(session.scene.notice().is_some_and(|notice| notice.contains("graph.png")));

    session.act(still("no/folder.png", None, None));
    assert!(session.scene.problem().is_some_and(|problem| problem.contains("name a file in a folder that exists")));
    session.act(still("small.png", Some(0.01), None));
    assert!(session.scene.problem().is_some_and(|problem| problem.contains("0.25 to 8 pixels")));
}
