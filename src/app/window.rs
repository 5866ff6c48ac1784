//! The frame in a window: events in, pictures out, and nothing at all in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use egui_winit::{ActionRequested, accesskit_winit};
use winit::application::ApplicationHandler;
use winit::dpi::{LogicalSize, PhysicalSize};
use winit::error::EventLoopError;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::window::{Window, WindowId};

use super::frame::{Frame, FrameReport, Scene, Waker};
use super::surface::{SurfaceHost, SurfaceTarget};
use crate::gpu::{self, Gpu, GpuError};

/// A frame that was asked for later than this after the one before is the first of a movement, not the next.
const REST: Duration = Duration::from_millis(100);

/// When a frame that found no texture to paint on is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// Display rate where the window system does not tell it, in mHz.
const FALLBACK_REFRESH_MILLIHERTZ: u32 = 60_000;

/// Why there is no window, or why it went away.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error(
        "no display to open a window on ({0}); `tensorscope render RUN -o FILE.png` draws without one, \
         or start a display (Xvfb, VNC) and set DISPLAY"
    )]
    NoDisplay(String),
    #[error("the window system gave no window ({0}); `tensorscope render RUN -o FILE.png` draws without one")]
    NoWindow(String),
    #[error("the window cannot be drawn on: {0}; `tensorscope render RUN -o FILE.png` draws without one")]
    NoSurface(String),
    #[error(transparent)]
    Gpu(#[from] GpuError),
    #[error("the window system ended the session: {0}")]
    Ended(String),
}

/// Opens a window named `title` and shows the scene in it until it is closed. Blocks; once a process.
///
/// `make_scene` is called when the GPU is there; the [`Waker`] may go to threads, which ask for frames with it.
pub fn run(title: &str, make_scene: impl FnOnce(&Gpu, Waker) -> Box<dyn Scene>) -> Result<(), WindowError> {
    let mut builder = EventLoop::<UserEvent>::with_user_event();
    #[cfg(target_os = "linux")]
    {
        // winit panics off the main thread otherwise; X11 and Wayland do not mind.
        use winit::platform::x11::EventLoopBuilderExtX11 as _;
        builder.with_any_thread(true);
    }
    let event_loop = builder.build().map_err(|error| WindowError::NoDisplay(reason(&error)))?;
    let mut shell = Shell {
        make_scene: Some(make_scene),
        title: title.to_owned(),
        proxy: event_loop.create_proxy(),
        wake_pending: Arc::default(),
        session: None,
        failure: None,
    };
    let ended = event_loop.run_app(&mut shell);
    match shell.failure.take() {
        Some(failure) => Err(failure),
        None => ended.map_err(|error| WindowError::Ended(error.to_string())),
    }
}

/// winit puts the place in its own sources before the reason.
fn reason(error: &EventLoopError) -> String {
    let text = error.to_string();
    let reason = if matches!(error, EventLoopError::Os(_)) { text.rsplit(": ").next().unwrap_or(&text) } else { &text };
    reason.trim_end_matches('.').to_owned()
}

enum UserEvent {
    Wake,
    Accessibility(accesskit_winit::Event),
}

impl From<accesskit_winit::Event> for UserEvent {
    fn from(event: accesskit_winit::Event) -> Self {
        Self::Accessibility(event)
    }
}

struct Shell<F> {
    make_scene: Option<F>,
    title: String,
    proxy: EventLoopProxy<UserEvent>,
    wake_pending: Arc<AtomicBool>,
    session: Option<Session>,
    failure: Option<WindowError>,
}

impl<F: FnOnce(&Gpu, Waker) -> Box<dyn Scene>> Shell<F> {
    fn open(&mut self, event_loop: &ActiveEventLoop) -> Result<Session, WindowError> {
        let window = event_loop
            .create_window(window_attributes(&self.title))
            .map(Arc::new)
            .map_err(|error| WindowError::NoWindow(error.to_string()))?;
        let host = Box::new(WindowHost(window.clone()));
        let instance = gpu::context::instance();
        let surface = host.create_surface(&instance).map_err(WindowError::NoSurface)?;
        let gpu = Gpu::on(instance, Some(&surface))?;
        let PhysicalSize { width, height } = window.inner_size();
        let target = SurfaceTarget::new(&gpu, surface, [width, height], host).map_err(WindowError::NoSurface)?;

        let frame = Frame::new(&gpu);
        let mut state = egui_winit::State::new(
            frame.context().clone(),
            egui::ViewportId::ROOT,
            &window,
            Some(window.scale_factor() as f32),
            window.theme(),
            Some(gpu.device.limits().max_texture_dimension_2d as usize),
        );
        // AccessKit wants the window unseen until its adapter is there.
        state.init_accesskit(event_loop, &window, self.proxy.clone());
        window.set_visible(true);

        let waker = waker(self.proxy.clone(), self.wake_pending.clone());
        let (egui_waker, this_thread) = (waker.clone(), std::thread::current().id());
        frame.context().set_request_repaint_callback(move |_| {
            // Requests from within a frame come out of it as its `repaint_after`.
            if std::thread::current().id() != this_thread {
                egui_waker.wake();
            }
        });
        let Some(make_scene) = self.make_scene.take() else {
            return Err(WindowError::Ended("the window cannot be opened a second time".to_owned()));
        };
        let now = Instant::now();
        Ok(Session {
            scene: make_scene(&gpu, waker),
            frame,
            target,
            state,
            gpu,
            pace: pace(&window),
            window,
            viewport: egui::ViewportInfo::default(),
            title: self.title.clone(),
            hidden: false,
            redraw_asked: false,
            next_frame: Some(now),
            last_start: now,
            last_repaint_after: Duration::MAX,
        })
    }

    fn fail(&mut self, event_loop: &ActiveEventLoop, failure: WindowError) {
        self.failure.get_or_insert(failure);
        event_loop.exit();
    }
}

impl<F: FnOnce(&Gpu, Waker) -> Box<dyn Scene>> ApplicationHandler<UserEvent> for Shell<F> {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.session.is_none() {
            match self.open(event_loop) {
                Ok(session) => self.session = Some(session),
                Err(failure) => self.fail(event_loop, failure),
            }
        }
    }

    fn user_event(&mut self, _event_loop: &ActiveEventLoop, event: UserEvent) {
        let Some(session) = &mut self.session else { return };
        match event {
            UserEvent::Wake => self.wake_pending.store(false, Ordering::Release),
            UserEvent::Accessibility(event) => session.on_accessibility(event.window_event),
        }
        session.want_frame(Instant::now());
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let Some(session) = &mut self.session else { return };
        if event == WindowEvent::RedrawRequested {
            if let Err(error) = session.redraw(event_loop) {
                self.fail(event_loop, error.into());
            }
        } else {
            session.on_event(event_loop, &event);
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let Some(session) = &mut self.session else { return };
        event_loop.set_control_flow(match session.next_frame {
            Some(at) if at <= Instant::now() => {
                session.next_frame = None;
                session.redraw_asked = true;
                session.window.request_redraw();
                ControlFlow::Wait
            }
            Some(at) => ControlFlow::WaitUntil(at),
            None => ControlFlow::Wait,
        });
    }

    fn exiting(&mut self, _event_loop: &ActiveEventLoop) {
        // The surface has to go while the connection to the display is still there.
        self.session = None;
    }
}

/// Everything of one open window. Fields drop in this order: what lives on the device, the device, the window.
struct Session {
    scene: Box<dyn Scene>,
    frame: Frame,
    target: SurfaceTarget,
    state: egui_winit::State,
    gpu: Gpu,
    window: Arc<Window>,
    viewport: egui::ViewportInfo,
    title: String,
    /// Minimised or wholly covered: nothing is painted.
    hidden: bool,
    /// The next `RedrawRequested` is ours; one that is not means that the window system lost the picture.
    redraw_asked: bool,
    next_frame: Option<Instant>,
    last_start: Instant,
    last_repaint_after: Duration,
    /// Least time between two frames: half the display's. Where presenting waits for the display, that decides; where
    /// it does not (Xvfb, VNC), this keeps an animation from taking all of a core.
    pace: Duration,
}

impl Session {
    fn on_event(&mut self, event_loop: &ActiveEventLoop, event: &WindowEvent) {
        let mut repaint = self.state.on_window_event(&self.window, event).repaint;
        match event {
            WindowEvent::CloseRequested => self.close(event_loop),
            WindowEvent::Resized(size) => {
                self.hidden = size.width == 0 || size.height == 0;
                self.target.resize(&self.gpu, [size.width, size.height]);
                self.frame.invalidate();
            }
            WindowEvent::Occluded(hidden) => {
                self.hidden = *hidden;
                self.frame.invalidate();
                repaint |= !hidden;
            }
            WindowEvent::ScaleFactorChanged { .. } => self.pace = pace(&self.window),
            _ => (),
        }
        if repaint {
            self.want_frame(Instant::now());
        }
    }

    fn on_accessibility(&mut self, event: accesskit_winit::WindowEvent) {
        match event {
            accesskit_winit::WindowEvent::InitialTreeRequested => self.frame.context().enable_accesskit(),
            accesskit_winit::WindowEvent::ActionRequested(request) => self.state.on_accesskit_action_request(request),
            accesskit_winit::WindowEvent::AccessibilityDeactivated => self.frame.context().disable_accesskit(),
        }
    }

    /// Has a frame made at `at`, or as soon after it as the pace allows.
    fn want_frame(&mut self, at: Instant) {
        let at = at.max(self.last_start + self.pace);
        self.next_frame = Some(self.next_frame.map_or(at, |next| next.min(at)));
    }

    fn redraw(&mut self, event_loop: &ActiveEventLoop) -> Result<(), GpuError> {
        if !std::mem::take(&mut self.redraw_asked) {
            self.frame.invalidate();
        }
        if self.hidden {
            return Ok(());
        }
        let start = Instant::now();
        let delta = if self.last_repaint_after <= REST { start - self.last_start } else { Duration::ZERO };
        self.last_start = start;

        egui_winit::update_viewport_info(&mut self.viewport, self.frame.context(), &self.window, false);
        let mut input = self.state.take_egui_input(&self.window);
        input.viewports.insert(egui::ViewportId::ROOT, self.viewport.clone());
        let report = self.frame.run(&self.gpu, self.scene.as_mut(), input, delta, &mut self.target)?;
        self.follow_up(event_loop, report);
        Ok(())
    }

    /// Does what a frame asks of the window system, and schedules the next one.
    fn follow_up(&mut self, event_loop: &ActiveEventLoop, report: FrameReport) {
        self.last_repaint_after = report.repaint_after;
        if report.postponed {
            self.want_frame(self.last_start + RETRY);
        }
        // `Duration::MAX` passes the end of time: no frame.
        if let Some(at) = self.last_start.checked_add(report.repaint_after) {
            self.want_frame(at);
        }
        self.state.handle_platform_output_with_event_loop(&self.window, event_loop, report.platform_output);

        let mut requested = Vec::new();
        egui_winit::process_viewport_commands(
            self.frame.context(),
            &mut self.viewport,
            report.commands,
            &self.window,
            &mut requested,
        );
        for request in requested {
            let event = match request {
                ActionRequested::Cut => Some(egui::Event::Cut),
                ActionRequested::Copy => Some(egui::Event::Copy),
                ActionRequested::Paste => self.state.clipboard_text().map(egui::Event::Paste),
                // Pictures are the scene's own business, and a hidden window needs no frames.
                ActionRequested::Screenshot(_) | ActionRequested::PaintWhileHidden => None,
            };
            if let Some(event) = event {
                self.state.egui_input_mut().events.push(event);
                self.want_frame(Instant::now());
            }
        }
        if std::mem::take(&mut self.viewport.events).contains(&egui::ViewportEvent::Close) {
            self.close(event_loop);
        }
        let title = self.scene.title();
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
    }

    fn close(&mut self, event_loop: &ActiveEventLoop) {
        if self.scene.close_requested() {
            event_loop.exit();
        }
    }
}

struct WindowHost(Arc<Window>);

impl SurfaceHost for WindowHost {
    fn create_surface(&self, instance: &wgpu::Instance) -> Result<wgpu::Surface<'static>, String> {
        instance.create_surface(self.0.clone()).map_err(|error| error.to_string())
    }

    fn before_present(&self) {
        self.0.pre_present_notify();
    }
}

fn window_attributes(title: &str) -> winit::window::WindowAttributes {
    let attributes = Window::default_attributes()
        .with_title(title)
        .with_inner_size(LogicalSize::new(1280.0, 800.0))
        .with_min_inner_size(LogicalSize::new(480.0, 320.0))
        .with_visible(false);
    #[cfg(target_os = "linux")]
    let attributes = {
        // The name that docks and desktop files know the application by, on X11 and on Wayland.
        use winit::platform::x11::WindowAttributesExtX11 as _;
        attributes.with_name("tensorscope", "tensorscope")
    };
    attributes
}

fn pace(window: &Window) -> Duration {
    let millihertz = window
        .current_monitor()
        .and_then(|monitor| monitor.refresh_rate_millihertz())
        .filter(|millihertz| *millihertz > 0)
        .unwrap_or(FALLBACK_REFRESH_MILLIHERTZ);
    Duration::from_secs_f64(1000.0 / f64::from(millihertz)) / 2
}

fn waker(proxy: EventLoopProxy<UserEvent>, pending: Arc<AtomicBool>) -> Waker {
    Waker::new(move || {
        if !pending.swap(true, Ordering::AcqRel) {
            // The only error is that the window is gone, and then nobody needs a frame.
            let _ = proxy.send_event(UserEvent::Wake);
        }
    })
}
