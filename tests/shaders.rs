//! Every WGSL module parses and validates with the capabilities that WebGPU guarantees.

use tensorscope::gpu::shaders;

#[test]
fn every_shader_validates_with_default_capabilities() {
    for (name, source) in shaders::ALL {
        let module =
            naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::default())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(source)));
    }
}

#[test]
fn no_two_modules_have_one_name() {
    let mut names: Vec<&str> = shaders::ALL.iter().map(|(name, _)| *name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
