# make demo    build, then open the bundled run; without a display, write pictures of it to out/demo
# make test    everything that CI checks
# make bench   times on this machine
.PHONY: demo test bench

demo:
	scripts/install-deps.sh
	cargo build --release --locked
	scripts/demo.sh

test:
	scripts/install-deps.sh --tests
	cargo fmt --check
	cargo clippy --locked -p tensorscope -p tensorscope-models --all-targets -- -D warnings
	cargo test --locked -p tensorscope -p tensorscope-models

bench:
	scripts/install-deps.sh
	cargo build --release --locked
	scripts/bench.sh
