// The head of a built plugin on 64-bit ARM Linux. See python/temps_plugin/_build_elf.py.
//
//   llvm-mc -triple=aarch64-linux-gnu -filetype=obj aarch64.s
//
// A system call takes its number in x8 and arguments in x0, x1, x2.
_start:
    ldr   x19, [sp]                     // argc
    add   x20, sp, #8                   // argv
    add   x21, x20, x19, lsl #3
    add   x21, x21, #8                  // envp
    cbz   x19, fail                     // no argv[0], no slot to write the script's name to

    mov   x0, #-100                     // openat(AT_FDCWD, self_path, O_RDONLY): stays open across execve
    adr   x1, self_path
    mov   x2, #0
    mov   x8, #56
    svc   #0
    tbnz  w0, #31, fail

    sub   sp, sp, #64                   // "/proc/self/fd/<number>", written from its end
    add   x4, sp, #40
    strb  wzr, [x4]
    mov   w5, #10
digit:
    udiv  w6, w0, w5
    msub  w7, w6, w5, w0
    add   w7, w7, #'0'
    strb  w7, [x4, #-1]!
    mov   w0, w6
    cbnz  w0, digit
    adr   x1, prefix
    mov   x2, #14
letter:
    sub   x2, x2, #1
    ldrb  w3, [x1, x2]
    strb  w3, [x4, #-1]!
    cbnz  x2, letter

    str   x4, [x20]                     // argv[0] gives its slot to the script's name
    adr   x0, options                   // the two slots before it: argc, and one below
    str   x0, [x20, #-8]
    adr   x0, tail + 8
    str   x0, [x20, #-16]
    sub   x1, x20, #16
    mov   x2, x21
    mov   x8, #221                      // execve(interpreter, argv, envp)
    svc   #0

fail:
    adr   x1, tail
    ldr   w2, [x1, #4]                  // the length of the message
    ldr   w0, [x1]                      // and where it begins, counted from tail
    add   x1, x1, x0
    mov   x0, #2
    mov   x8, #64                       // write(2, message, length)
    svc   #0
    mov   x0, #127
    mov   x8, #93                       // exit(127)
    svc   #0

self_path: .asciz "/proc/self/exe"
prefix:    .ascii "/proc/self/fd/"
options:   .asciz "-ISXutf8"
    .balign 8
tail:
