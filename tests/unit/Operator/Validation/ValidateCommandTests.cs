using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Validation;

public sealed partial class ValidateCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-validate-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Validate_GoodManifests_ExitsWith0()
    {
        var (code, output, errors) = await RunAsync("-f", Write("a.yaml", Fleets.Small), "-f", Write("b.yaml", Fleets.Small));

        (code, errors).ShouldBe((0, ""));
        output.ShouldContain("a.yaml: small is good");
    }

    [Fact]
    public async Task Validate_Directory_ReadsEveryManifestAndExitsWith1()
    {
        Write("a.yaml", Fleets.Small);
        Write("b.yml", Fleets.Small.Replace("9000", "70000"));
        Write("notes.txt", "no manifest");

        var (code, output, errors) = await RunAsync("-f", _folder.FullName);

        code.ShouldBe(1);
        output.ShouldContain("a.yaml: small is good");
        errors.ShouldContain("b.yml:6: spec.listeners[0].port: must be 1 to 65535, not 70000");
    }

    [Fact]
    public async Task Validate_MissingFile_ExitsWith2() =>
        (await RunAsync("-f", Path.Combine(_folder.FullName, "none.yaml"))).Code.ShouldBe(2);

    [Fact]
    public async Task Validate_NoFleetInIt_ExitsWith2() =>
        (await RunAsync("-f", Write("s.yaml", "apiVersion: v1\nkind: Service\n"))).Code.ShouldBe(2);

    [Fact]
    public async Task Validate_Json_HasEveryErrorWithItsLine()
    {
        var (code, output, _) = await RunAsync("-o", "json", "-f", Write("b.yaml", Fleets.Small.Replace("9000", "0")));

        code.ShouldBe(1);
        var error = JsonNode.Parse(output)!["fleets"]![0]!["errors"]![0]!;
        ((string?)error["path"], (int?)error["line"]).ShouldBe(("spec.listeners[0].port", 6));
    }

    [Fact]
    public async Task Validate_ForHost_AsksForCommands()
    {
        var (code, _, errors) = await RunAsync("--host", "-f", Write("a.yaml", Fleets.Small));

        code.ShouldBe(1);
        errors.ShouldContain("spec.backends[0].workload.command");
    }

    /// <summary>Each is good, and <c>operator up</c> would run neither.</summary>
    [Theory]
    [InlineData("small", "9001", "there are 2 fleets shop/small")]
    [InlineData("other", "9000", "two fleets of one machine must not share port 9000")]
    public async Task Validate_ForHost_LooksAtTheFleetsOfAFileTogether(string name, string port, string problem)
    {
        var small = Fleets.Small.Replace("image: app,", "image: app, command: [app],", StringComparison.Ordinal);
        var other = small.Replace("name: small", $"name: {name}", StringComparison.Ordinal).Replace("9000", port, StringComparison.Ordinal);
        var file = Write("two.yaml", $"{small}\n---\n{other}");

        var (code, output, errors) = await RunAsync("--host", "-f", file);

        (code, output).ShouldBe((1, $"{file}: small is good{Environment.NewLine}"));
        errors.ShouldContain(problem);
        (await RunAsync("-f", file)).Code.ShouldBe(0, "in a cluster they may");
        (await RunAsync("--host", "-f", Write("one.yaml", small), "-f", Write("another.yaml", other))).Code.ShouldBe(0, "two machines may");
    }

    [Fact]
    public void Validate_FolderThatMayNotBeRead_ExitsWith2()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, "closed"));
        folder.UnixFileMode = UnixFileMode.UserExecute | UnixFileMode.OtherExecute;
        _folder.UnixFileMode |= UnixFileMode.OtherExecute;
        ManifestReport? report = null;
        Exception? thrown = null;
        var reading = new Thread(() =>
        {
            // Root reads everything: this thread's files are nobody's.
            _ = SetFileUser(65_534);
            thrown = Record.Exception(() => report = ManifestReport.Read([folder.FullName], TextReader.Null, forHost: false));
        });
        reading.Start();
        reading.Join();

        thrown.ShouldBeNull();
        report.ShouldNotBeNull().ExitCode.ShouldBe(2);
        using var errors = new StringWriter();
        report.WriteText(TextWriter.Null, errors);
        errors.ToString().ShouldStartWith($"{folder.FullName}: ");
    }

    [LibraryImport("libc", EntryPoint = "setfsuid")]
    private static partial int SetFileUser(uint user);

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        var console = new InvocationConfiguration { Output = new StringWriter(), Error = new StringWriter() };
        var code = await new RootCommand { ValidateCommand.Create() }
            .Parse(["validate", .. arguments])
            .InvokeAsync(console);
        return (code, console.Output.ToString()!, console.Error.ToString()!);
    }
}
