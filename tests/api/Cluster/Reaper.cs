using System.Diagnostics;

namespace Mooring.Api.Tests.Cluster;

/// <summary>Ends the child processes of this test run, and removes its folders, even when the run itself is killed.</summary>
/// <remarks>
/// A small shell is told each child's id on its standard input. That pipe closes when this process ends, however it ends, and the shell
/// then kills what is still on its list.
/// </remarks>
internal static class Reaper
{
    private const string Script = """
        trap '' INT TERM HUP
        list=' '
        dirs=''
        while read -r what pid; do
          case $what in
            add) list="$list$pid " ;;
            del) list=$(printf '%s' "$list" | sed "s/ $pid / /") ;;
            dir) dirs="$dirs $pid" ;;
          esac
        done
        for pid in $list; do kill -KILL "$pid" 2>/dev/null; done
        for dir in $dirs; do rm -rf "$dir"; done
        """;

    private static readonly Lock Gate = new();
    private static Process? _shell;

    public static void Add(int processId) => Tell($"add {processId}");

    public static void Remove(int processId) => Tell($"del {processId}");

    /// <summary>Removes a folder at the end of the run; its path must not hold blanks.</summary>
    public static void AddFolder(string path) => Tell($"dir {path}");

    private static void Tell(string line)
    {
        lock (Gate)
        {
            _shell ??= Process.Start(
                new ProcessStartInfo("/bin/sh", ["-c", Script]) { RedirectStandardInput = true, UseShellExecute = false }
            )!;
            _shell.StandardInput.WriteLine(line);
            _shell.StandardInput.Flush();
        }
    }
}
