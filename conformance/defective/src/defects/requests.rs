//! Defects of the area `requests`.

use super::defects;

defects! {}
