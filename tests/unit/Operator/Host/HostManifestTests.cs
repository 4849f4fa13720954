using System.Collections.Concurrent;
using System.Diagnostics;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class HostManifestTests
{
    private static readonly SecretFolders Folders = new("/state/secrets", "/no/such/secrets");

    private const string Good = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: edge}
        spec:
          listeners: [{name: a, protocol: TCP, port: 9000, backend: b}]
          backends: [{name: b, workload: {image: x, command: [sleep, "1"], replicas: 3}}]
        """;

    [Fact]
    public void Parse_GoodFleet_IsPlannedForTheHost()
    {
        var manifest = HostManifest.Parse(Good, "f.yaml", Folders);
        manifest.Errors.ShouldBeEmpty();
        var fleet = manifest.Fleets.Single();
        fleet.Key.ShouldBe("default/edge");
        fleet.Plan.Workloads.Single().Replicas.ShouldBe(3);
        fleet.Plan.Config.Listeners.Single().BindPort.ShouldBe(0);
    }

    [Theory]
    [InlineData("port: 9000", "port: 70000", "spec.listeners[0].port")]
    [InlineData("replicas: 3", "replica: 3", "spec.backends[0].workload.replica")]
    [InlineData("backend: b}", "backend: c}", "spec.listeners[0].backend")]
    [InlineData("command: [sleep, \"1\"], ", "", "spec.backends[0].workload.command")]
    [InlineData(
        "workload: {image: x, command: [sleep, \"1\"], replicas: 3}",
        "serviceRef: {name: s, port: 80}",
        "spec.backends[0].serviceRef"
    )]
    [InlineData("spec:", "spec: [", "")]
    [InlineData("kind: ConnectionFleet", "kind: Fleet", "kind")]
    public void Parse_BadEdit_NamesTheField(string from, string to, string path)
    {
        var manifest = HostManifest.Parse(Good.Replace(from, to, StringComparison.Ordinal), "f.yaml", Folders);
        manifest.Fleets.ShouldBeEmpty();
        manifest.Errors.ShouldContain(error =>
            error.StartsWith("f.yaml", StringComparison.Ordinal) && error.Contains(path, StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Parse_TwoFleetsOnOnePort_NamesBoth() =>
        HostManifest
            .Parse($"{Good}\n---\n{Good.Replace("name: edge", "name: other", StringComparison.Ordinal)}", "f.yaml", Folders)
            .Errors.ShouldBe([
                "f.yaml: default/edge spec.listeners[0].port and default/other spec.listeners[0].port: two fleets of one machine must not share port 9000",
            ]);

    [Fact]
    public void Parse_TwoFleetsOfOneName_IsRefused() =>
        HostManifest
            .Parse($"{Good}\n---\n{Good.Replace("9000", "9001", StringComparison.Ordinal)}", "f.yaml", Folders)
            .Errors.ShouldBe(["f.yaml: metadata.name: there are 2 fleets default/edge"]);

    [Fact]
    public async Task ReadAsync_NoFile_SaysSo() =>
        (await HostManifest.ReadAsync("/no/such/file.yaml", Folders, CancellationToken.None))
            .Errors.Single()
            .ShouldContain("/no/such/file.yaml");

    [Fact]
    public async Task Watcher_FileReplacedAndWritten_TellsOfEachOnce()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        var directory = Directory.CreateTempSubdirectory("mooring-watch-");
        try
        {
            var path = Path.Combine(directory.FullName, "fleet.yaml");
            await File.WriteAllTextAsync(path, "one", deadline.Token);
            var changes = 0;
            await using var watcher = new ManifestWatcher(
                path,
                FileStamp.Of(path),
                _ =>
                {
                    Interlocked.Increment(ref changes);
                    return Task.CompletedTask;
                },
                TimeProvider.System
            );

            // As editors do it: write beside, then rename over.
            await File.WriteAllTextAsync(path + "~", "another", deadline.Token);
            File.Move(path + "~", path, overwrite: true);
            await UntilAsync(() => changes == 1, deadline.Token);
            await File.WriteAllTextAsync(path, "and one more", deadline.Token);
            await UntilAsync(() => changes == 2, deadline.Token);
            File.Delete(path);
            await UntilAsync(() => changes == 3, deadline.Token);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Reads that overlap could end in another order than they began in, and the older edit would stay.</summary>
    [Fact]
    public async Task Watcher_EditWhileTheOneBeforeIsRead_IsReadAfterIt()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        var directory = Directory.CreateTempSubdirectory("mooring-watch-");
        try
        {
            var path = Path.Combine(directory.FullName, "fleet.yaml");
            await File.WriteAllTextAsync(path, "one", deadline.Token);
            var reads = new ConcurrentQueue<TaskCompletionSource>();
            await using var watcher = new ManifestWatcher(
                path,
                FileStamp.Of(path),
                stop =>
                {
                    var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    reads.Enqueue(read);
                    return read.Task.WaitAsync(stop);
                },
                TimeProvider.System
            );

            await File.WriteAllTextAsync(path, "another", deadline.Token);
            await UntilAsync(() => reads.Count == 1, deadline.Token);
            await File.WriteAllTextAsync(path, "and one more", deadline.Token);
            // An edit is seen within a second at most.
            var edited = Stopwatch.StartNew();
            await UntilAsync(() => reads.Count > 1 || edited.Elapsed > TimeSpan.FromSeconds(2), deadline.Token);
            reads.Count.ShouldBe(1);
            reads.First().SetResult();
            await UntilAsync(() => reads.Count == 2, deadline.Token);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task UntilAsync(Func<bool> condition, CancellationToken deadline)
    {
        while (!condition())
        {
            await Task.Delay(20, deadline);
        }
    }
}
