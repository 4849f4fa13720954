using System.Text;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class ApplyTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(_api);
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Apply_Creates_AndSendsNoNulls()
    {
        var made = await _client.ApplyAsync(Kind, Make("a", "red"));
        made.Spec!.Color.ShouldBe("red");
        var sent = JsonNode.Parse(_api.Requests.Last().Body)!;
        sent.AsObject().Select(one => one.Key).ShouldBe(["apiVersion", "kind", "metadata", "spec"]);
        sent["metadata"]!.AsObject().Select(one => one.Key).ShouldBe(["name", "namespace"]);
    }

    [Fact]
    public async Task Apply_Again_ChangesNothing()
    {
        var first = await _client.ApplyAsync(Kind, Make("a", "red"));
        var second = await _client.ApplyAsync(Kind, Make("a", "red"));
        second.Metadata.ResourceVersion.ShouldBe(first.Metadata.ResourceVersion);
    }

    [Fact]
    public async Task Apply_FieldOfAnother_ReportsManagerAndField()
    {
        await _client.ApplyAsync(Kind, Make("a", "red"), new ApplyOptions { FieldManager = "them" });
        var error = await Should.ThrowAsync<KubernetesException>(_client.ApplyAsync(Kind, Make("a", "blue")));
        error.IsConflict.ShouldBeTrue();
        var conflict = error.ApplyConflicts.ShouldHaveSingleItem();
        (conflict.Manager, conflict.Field).ShouldBe(("them", "spec.color"));
    }

    [Fact]
    public async Task Apply_Forced_TakesOver()
    {
        await _client.ApplyAsync(Kind, Make("a", "red"), new ApplyOptions { FieldManager = "them" });
        (await _client.ApplyAsync(Kind, Make("a", "blue"), new ApplyOptions { Force = true })).Spec!.Color.ShouldBe("blue");
        var error = await Should.ThrowAsync<KubernetesException>(
            _client.ApplyAsync(Kind, Make("a", "red"), new ApplyOptions { FieldManager = "them" })
        );
        error.ApplyConflicts.ShouldHaveSingleItem().Manager.ShouldBe("mooring");
    }

    [Fact]
    public async Task Apply_WithoutAFieldFromBefore_RemovesIt()
    {
        await _client.ApplyAsync(Kind, Make("a", "red", new() { ["one"] = "1", ["two"] = "2" }));
        var after = await _client.ApplyAsync(Kind, Make("a", null, new() { ["one"] = "1" }));
        after.Spec?.Color.ShouldBeNull();
        after.Metadata.Labels.ShouldBe(new Dictionary<string, string> { ["one"] = "1" });
    }

    [Fact]
    public async Task Apply_LeavesFieldsOfOthers()
    {
        await _client.ApplyAsync(Kind, Make("a", "red"));
        _api.Edit(Path("a"), value => value["spec"]!["replicas"] = 5, "autoscaler");
        (await _client.ApplyAsync(Kind, Make("a", "blue"))).Spec.ShouldBe(new WidgetSpec { Color = "blue", Replicas = 5 });
    }

    [Fact]
    public async Task Apply_RawBytes_ToStatus()
    {
        await _client.ApplyAsync(Kind, Make("a", "red"));
        var body = """{"apiVersion":"test.mooring.dev/v1","kind":"Widget","metadata":{"name":"a"},"status":{"replicas":4}}""";
        await _client.ApplyAsync(Kind, "ns", "a", Encoding.UTF8.GetBytes(body), new ApplyOptions { Subresource = "status" });
        var got = await _client.GetAsync(Kind, "ns", "a");
        got.Status!.Replicas.ShouldBe(4);
        got.Spec!.Color.ShouldBe("red");
    }

    [Fact]
    public async Task Apply_WithoutName_SaysSo()
    {
        var error = await Should.ThrowAsync<ArgumentException>(_client.ApplyAsync(Kind, new Widget { Kind = "Widget" }));
        error.Message.ShouldContain("metadata.name");
    }
}
