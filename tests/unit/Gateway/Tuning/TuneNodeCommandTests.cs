using System.CommandLine;
using System.Diagnostics;
using Mooring.Gateway.Tuning;

namespace Mooring.Gateway.Tests.Tuning;

public sealed class TuneNodeCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-tune-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("{\"Mode\": \"Apply\"}", "Mode")]
    [InlineData("{\"sysctl\": {\"fs.nr_open\": \"1\"}}", "sysctl")]
    [InlineData("{\"sysctls\": null}", "null")]
    [InlineData("{\"sysctls\": {\"fs.nr_open\": null}}", "null")]
    [InlineData("{\"modules\": null}", "null")]
    [InlineData("{\"modules\": [null]}", "null")]
    [InlineData("null", "null")]
    [InlineData("{", "JSON")]
    public async Task Settings_NotGood_SaysWhyAndExitsWith2(string text, string why)
    {
        var file = Path.Combine(_folder.FullName, "settings.json");
        await File.WriteAllTextAsync(file, text);
        var console = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };

        var code = await new RootCommand { TuneNodeCommand.Create() }
            .Parse(["tune-node", "--settings", file, "--state", _folder.FullName])
            .InvokeAsync(console);

        (code, console.Output.ToString()).ShouldBe((2, ""));
        console.Error.ToString()!.ShouldStartWith($"{file}: ");
        console.Error.ToString()!.ShouldContain(why);
    }

    [Theory]
    [InlineData("tune-node")]
    [InlineData("tune-node", "--settings")]
    [InlineData("serve", "--no-such-option")]
    [InlineData("serve", "--config")]
    public async Task Program_BadOptions_ExitsWith2(params string[] arguments)
    {
        // artifacts/bin/PROJECT/CONFIGURATION/
        var here = AppContext.BaseDirectory.TrimEnd('/');
        var gateway = Path.GetFullPath(Path.Combine(here, "..", "..", "Mooring.Gateway", Path.GetFileName(here), "gateway"));
        using var process = Process.Start(
            new ProcessStartInfo(gateway, arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await Task.WhenAll(process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
        await process.WaitForExitAsync(limit.Token);

        process.ExitCode.ShouldBe(2);
    }
}
