using System.CommandLine;
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
}
