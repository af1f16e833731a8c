<?php

// The ways in which a request can take its worker down. The marker file counts how often the script was begun.
// Signals are numbers because their names come with an extension that only the command line has: 9 kills, 11 is a
// segmentation fault.
if (isset($_GET['marker'])) {
    file_put_contents($_GET['marker'], '.', FILE_APPEND);
}

function descend(int $depth): int
{
    // usort() calls back through C, so each level costs native stack, which PHP 8.2 does not watch.
    $pair = [1, 2];
    usort($pair, fn (int $a, int $b): int => descend($depth + 1));

    return $depth;
}

switch ($_GET['how']) {
    case 'stack':
        descend(0);
        break;
    case 'segfault':
        posix_kill(getmypid(), 11);
        break;
    case 'kill':
        posix_kill(getmypid(), 9);
        break;
    case 'exit-code':  // leaves without any of PHP's own clean-up
        FFI::cdef('void _exit(int);')->_exit(3);
        break;
    case 'once':  // only the first worker that meets this request dies
        if (filesize($_GET['marker']) === 1) {
            posix_kill(getmypid(), 11);
        }
        break;
}
echo 'survived in ', getmypid();
