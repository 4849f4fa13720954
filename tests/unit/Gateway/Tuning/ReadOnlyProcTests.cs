using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Mooring.Gateway.Tests.Tuning;

/// <summary>The program itself where /proc/sys cannot be written, as in a pod without privileges.</summary>
public sealed class ReadOnlyProcTests : IDisposable
{
    // One that every network namespace shows, too.
    private const string Key = "fs.nr_open";
    private const string ReadOnly = "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys";
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-readonly-");

    public static string? WhyNot { get; } = Probe();

    public void Dispose() => _folder.Delete(recursive: true);

    [MountNamespaceFact]
    public async Task TuneNode_ProcIsReadOnly_IsReportedByKeyAndNothingIsChanged()
    {
        var before = await File.ReadAllTextAsync($"/proc/sys/{Key.Replace('.', '/')}");
        var settings = Path.Combine(_folder.FullName, "settings.json");
        await File.WriteAllTextAsync(
            settings,
            $$$"""{"mode": "Apply", "sysctls": {"{{{Key}}}": "{{{long.Parse(before, null) + 1}}}", "net.netfilter.nosuch": "1"}}"""
        );
        // artifacts/bin/PROJECT/CONFIGURATION/
        var here = AppContext.BaseDirectory.TrimEnd('/');
        var gateway = Path.GetFullPath(Path.Combine(here, "..", "..", "Mooring.Gateway", Path.GetFileName(here), "gateway"));

        var (code, output) = await RunAsync(
            $"{ReadOnly} && '{gateway}' tune-node --settings '{settings}' --state '{_folder.FullName}/state'"
        );

        code.ShouldBe(1, output);
        var items = JsonNode.Parse(output)!["items"]!.AsArray().ToDictionary(static item => (string)item!["name"]!);
        ((string?)items[Key]!["state"]).ShouldBe("Refused");
        ((string?)items[Key]!["reason"]).ShouldNotBeNull().ShouldContain("ead-only");
        ((string?)items["net.netfilter.nosuch"]!["state"]).ShouldNotBe("Tuned");
        (await File.ReadAllTextAsync($"/proc/sys/{Key.Replace('.', '/')}")).ShouldBe(before);
    }

    private static async Task<(int Code, string Output)> RunAsync(string script)
    {
        var start = new ProcessStartInfo("unshare", ["--mount", "sh", "-c", script])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var output = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, output);
    }

    private static string? Probe()
    {
        try
        {
            using var process = Process.Start("unshare", ["--mount", "sh", "-c", $"({ReadOnly}) 2>/dev/null"]);
            process.WaitForExit();
            return process.ExitCode == 0 ? null : "/proc/sys cannot be mounted read-only here (unshare --mount, as root)";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unshare (util-linux) is not there";
        }
    }
}

/// <summary>A test that needs a mount namespace; skipped, and counted as such, where none can be made.</summary>
public sealed class MountNamespaceFactAttribute : FactAttribute
{
    public MountNamespaceFactAttribute() => Skip = ReadOnlyProcTests.WhyNot;
}
