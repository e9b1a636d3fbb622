//! Defects of the area `manifest`.

use super::defects;

defects! {}
