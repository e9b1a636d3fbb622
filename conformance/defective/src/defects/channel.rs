//! Defects of the area `channel`.

use super::defects;

defects! {}
