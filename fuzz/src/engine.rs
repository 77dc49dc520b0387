//! Target: any events at any rising instants into `Engine::step`. It never panics, places nothing beyond its bounds whatever it was
//! told, repeats exactly, and asks to be woken no more often than there is something to do.

mod scene;

use super::input::Input;
use scene::Scene;

/// Each event takes a few bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut scene = Scene::new(&mut input);
    while !input.is_over() {
        scene.happen(&mut input);
    }
    scene.rest();
}
