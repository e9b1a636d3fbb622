# The head of a built plugin on x86-64 Linux. See python/temps_plugin/_build_elf.py.
#
#   llvm-mc -triple=x86_64-linux-gnu -filetype=obj x86_64.s
#
# A system call takes its number in rax and arguments in rdi, rsi, rdx; it spoils rcx and r11.
    .intel_syntax noprefix
_start:
    mov   r12, [rsp]                    # argc
    lea   r13, [rsp + 8]                # argv
    lea   r14, [rsp + r12*8 + 16]       # envp
    test  r12, r12                      # no argv[0], no slot to write the script's name to
    jz    fail

    mov   eax, 2                        # open(self_path, O_RDONLY): stays open across execve
    lea   rdi, [rip + self_path]
    xor   esi, esi
    syscall
    test  eax, eax
    js    fail

    sub   rsp, 64                       # "/proc/self/fd/<number>", written from its end
    lea   rdi, [rsp + 40]
    mov   byte ptr [rdi], 0
    mov   ecx, 10
digit:
    xor   edx, edx
    div   ecx
    add   dl, '0'
    dec   rdi
    mov   [rdi], dl
    test  eax, eax
    jnz   digit
    sub   rdi, 14
    mov   [r13], rdi                    # argv[0] gives its slot to the script's name
    lea   rsi, [rip + prefix]
    mov   ecx, 14
    rep   movsb

    lea   rax, [rip + options]          # the two slots before it: argc, and one below
    mov   [r13 - 8], rax
    lea   rdi, [rip + tail + 8]
    lea   rsi, [r13 - 16]
    mov   [rsi], rdi
    mov   rdx, r14
    mov   eax, 59                       # execve(interpreter, argv, envp)
    syscall

fail:
    lea   rax, [rip + tail]
    mov   esi, [rax]                    # where the message begins, counted from tail
    mov   edx, [rax + 4]                # and its length
    add   rsi, rax
    mov   edi, 2
    mov   eax, 1                        # write(2, message, length)
    syscall
    mov   edi, 127
    mov   eax, 60                       # exit(127)
    syscall

self_path: .asciz "/proc/self/exe"
prefix:    .ascii "/proc/self/fd/"
options:   .asciz "-ISXutf8"
    .balign 8
tail:
