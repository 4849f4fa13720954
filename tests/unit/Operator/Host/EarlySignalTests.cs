using System.Diagnostics;

namespace Mooring.Operator.Tests.Host;

/// <summary>A pod that is deleted while its program starts must not stay until its grace has ended.</summary>
public sealed class EarlySignalTests : IDisposable
{
    private const int Terminated = 143;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring-early-");

    private static string OperatorPath => Path.Combine(AppContext.BaseDirectory, "operator");

    public void Dispose() => _directory.Delete(recursive: true);

    // A named pipe that nobody writes to keeps the program where it has no handlers of its own yet.
    [PidNamespaceFact]
    public async Task Operator_ToldToEndBeforeItHasBegun_Ends()
    {
        using var process = new FirstProcess(OperatorPath, "up", "-f", Pipe(), "--gateway", UpProcess.GatewayPath, "--http", "none");
        (await process.TerminateAsync(Limit)).ShouldBe(Terminated);
    }

    [PidNamespaceFact]
    public async Task Gateway_ToldToEndBeforeItHasBegun_Ends()
    {
        using var process = new FirstProcess(UpProcess.GatewayPath, "tune-node", "--settings", Pipe());
        (await process.TerminateAsync(Limit)).ShouldBe(Terminated);
    }

    private string Pipe()
    {
        var path = Path.Combine(_directory.FullName, "pipe");
        using var made = Process.Start("mkfifo", [path]);
        made.WaitForExit();
        made.ExitCode.ShouldBe(0);
        return path;
    }
}
