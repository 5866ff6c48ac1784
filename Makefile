# make demo      build, then open the bundled run; without a display, write pictures of it to out/demo
# make test      everything that CI checks
# make recorder  build tensorscope-record, which runs models and records them
# make fixtures  record the bundled runs anew
# make bench     times on this machine
.PHONY: demo test recorder fixtures bench

demo:
	scripts/install-deps.sh
	cargo build --release --locked
	scripts/demo.sh

test:
	scripts/install-deps.sh --tests --recorder
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace

recorder:
	scripts/install-deps.sh --recorder
	cargo build --release --locked -p tensorscope-record
	@echo "built $${CARGO_TARGET_DIR:-target}/release/tensorscope-record"

fixtures:
	scripts/install-deps.sh --recorder
	scripts/make-fixtures.sh

bench:
	scripts/install-deps.sh
	cargo build --release --locked
	scripts/bench.sh
