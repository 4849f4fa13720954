using System.Collections.Concurrent;
using Mooring.Operator.Host.Processes;

namespace Mooring.Operator.Tests.Host;

public sealed class ProcessTests : IDisposable
{
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(90));
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly ProcessMonitor _monitor;

    public ProcessTests() => _monitor = new ProcessMonitor((name, line) => _lines.Enqueue($"{name}: {line}"), TimeProvider.System);

    public void Dispose()
    {
        _monitor.Dispose();
        _deadline.Dispose();
    }

    [Fact]
    public async Task Start_Child_GivesItsLinesAndExitCode()
    {
        var child = Start("echo one; echo two >&2; printf three; exit 7");
        (await child.Exited.WaitAsync(_deadline.Token)).ShouldBe(new ProcessExit(7, null));
        _lines.ShouldBe(["child: one", "child: two", "child: three"]);
    }

    [Fact]
    public async Task Start_Child_HasItsOwnGroupDefaultSignalsAndNoDescriptorOfOurs()
    {
        using var open = new FileStream(
            Path.GetTempFileName(),
            FileMode.Open,
            FileAccess.ReadWrite,
            FileShare.None,
            1,
            FileOptions.DeleteOnClose
        );
        await Start("exec cut -d' ' -f5 /proc/self/stat").Exited.WaitAsync(_deadline.Token);
        await Start("exec grep -E '^Sig(Ign|Blk)' /proc/self/status").Exited.WaitAsync(_deadline.Token);
        await Start("exec ls -l /proc/self/fd").Exited.WaitAsync(_deadline.Token);
        string[] lines = [.. _lines.Select(static line => line["child: ".Length..])];
        int.Parse(lines[0]).ShouldNotBe(Environment.ProcessId);
        lines[1].ShouldBe("SigBlk:\t0000000000000000");
        // The C library keeps signals 32 and 33 to itself.
        (Convert.ToUInt64(lines[2].Split('\t')[1], 16) & 0x7fffffff).ShouldBe(0UL);
        lines[3..].ShouldNotContain(line => line.EndsWith(open.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Start_NoSuchProgram_Throws() =>
        Should
            .Throw<FileNotFoundException>(() => _monitor.Start(Spec("no-such-program-here")))
            .Message.ShouldBe("no-such-program-here: no such program");

    [Fact]
    public void Start_NotAProgram_SaysWhy()
    {
        var path = Path.GetTempFileName();
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Should.Throw<IOException>(() => _monitor.Start(Spec(path))).Message.ShouldContain(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Signal_Terminate_EndsTheChild()
    {
        var child = Start("exec sleep 600");
        child.Signal(Libc.SigTerm);
        (await child.Exited.WaitAsync(_deadline.Token)).ShouldBe(new ProcessExit(null, Libc.SigTerm));
        child.Signal(Libc.SigTerm);
        child.Kill();
    }

    [Fact]
    public async Task Exited_ChildLeavesAGrandchild_ItIsEndedToo()
    {
        var child = Start("sleep 600 & echo $!");
        await child.Exited.WaitAsync(_deadline.Token);
        await GoneAsync(int.Parse(_lines.Single()["child: ".Length..]));
    }

    [Fact]
    public async Task Output_MoreThanTheRate_IsBoundedAndNeverHoldsTheChildUp()
    {
        var child = Start("yes | head -n 200000");
        await child.Exited.WaitAsync(_deadline.Token);
        _lines.Count.ShouldBeLessThan(20_000);
        _lines.ShouldContain(static line => line.EndsWith(" lines left out)", StringComparison.Ordinal));
    }

    [Fact]
    public void LineSplitter_LongLinesAndControls_AreCutAndMadeHarmless()
    {
        var lines = new List<string>();
        var splitter = new LineSplitter(lines.Add, TimeProvider.System);
        splitter.Add(
            new byte[LineSplitter.MaxLineBytes + 2]
                .Select(static _ => (byte)'x')
                .ToArray()
        );
        splitter.Add("\r\n\u001b[2Jend"u8);
        splitter.Flush();
        lines.Select(static line => line.Length).ShouldBe([LineSplitter.MaxLineBytes, 2, 7]);
        lines[2].ShouldBe("·[2Jend");
    }

    [Fact]
    public async Task Watchdog_OwnerGone_EndsToldAndUntoldChildrenAndRemovesTheDirectory()
    {
        var directory = Directory.CreateTempSubdirectory("mooring-watchdog-");
        File.WriteAllText(Path.Combine(directory.FullName, "file"), "");
        var mark = Guid.NewGuid().ToString("N");
        var watchdog = new Watchdog(_monitor.Start, directory.FullName, mark, TimeProvider.System);
        var told = Start("exec sleep 600");
        var left = Start("exec sleep 600");
        var untold = Start("exec sleep 600", mark);
        watchdog.Add(told.Id);
        watchdog.Add(left.Id);
        watchdog.Remove(left.Id);
        watchdog.Dispose();
        (await told.Exited.WaitAsync(_deadline.Token)).Signal.ShouldBe(Libc.SigKill);
        (await untold.Exited.WaitAsync(_deadline.Token)).Signal.ShouldBe(Libc.SigKill);
        await watchdog.Exited.WaitAsync(_deadline.Token);
        Directory.Exists(directory.FullName).ShouldBeFalse();
        left.Exited.IsCompleted.ShouldBeFalse();
        left.Kill();
        await left.Exited.WaitAsync(_deadline.Token);
    }

    [Fact]
    public async Task Watchdog_ShellDiesAndNoneCanBeStarted_IsThereAgainOnceOneCan()
    {
        var mark = Guid.NewGuid().ToString("N");
        var shells = new List<ChildProcess>();
        var refusals = 2;
        var started = new SemaphoreSlim(0);
        var watchdog = new Watchdog(
            spec =>
            {
                if (shells.Count == 1 && refusals-- > 0)
                {
                    throw new IOException("no more processes");
                }

                shells.Add(_monitor.Start(spec));
                started.Release();
                return shells[^1];
            },
            directory: "",
            mark,
            TimeProvider.System
        );
        var told = Start("exec sleep 600");
        watchdog.Add(told.Id);
        await started.WaitAsync(_deadline.Token);

        shells[0].Kill();

        await started.WaitAsync(_deadline.Token);
        watchdog.Dispose();
        (await told.Exited.WaitAsync(_deadline.Token)).Signal.ShouldBe(Libc.SigKill);
        await watchdog.Exited.WaitAsync(_deadline.Token);
    }

    private ChildProcess Start(string script, string mark = "none") =>
        _monitor.Start(
            Spec("/bin/sh", "-c", script) with
            {
                Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", [Watchdog.Variable] = mark },
            }
        );

    private static ProcessSpec Spec(params string[] command) =>
        new()
        {
            Name = "child",
            Command = command,
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
        };

    private async Task GoneAsync(int process)
    {
        while (
            Directory.Exists($"/proc/{process}")
            && !(await File.ReadAllTextAsync($"/proc/{process}/stat")).Contains(") Z", StringComparison.Ordinal)
        )
        {
            await Task.Delay(20, _deadline.Token);
        }
    }
}
