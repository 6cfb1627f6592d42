// What must be known of the compiler.
#pragma once

namespace eddy::detail {

/// True of g++, whose coroutine frames are always blocks of their own: see
/// PromiseBase::check_frame.
#if defined(__GNUC__) && !defined(__clang__)
inline constexpr bool kIsGcc = true;
#else
inline constexpr bool kIsGcc = false;
#endif

}  // namespace eddy::detail
