//! Defects of the area `events`.

use super::defects;

defects! {}
