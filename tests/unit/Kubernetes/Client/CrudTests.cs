using System.Net;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class CrudTests : IAsyncLifetime
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
    public async Task Create_ThenGet_ReturnsWhatTheServerAdded()
    {
        await _client.CreateAsync(Kind, Make("a", "red"));
        var got = await _client.GetAsync(Kind, "ns", "a");
        got.Spec!.Color.ShouldBe("red");
        got.Metadata.Uid.ShouldNotBeNullOrEmpty();
        got.Metadata.Generation.ShouldBe(1);
        (got.ApiVersion, got.Kind).ShouldBe(("test.mooring.dev/v1", "Widget"));
    }

    [Fact]
    public async Task Create_Twice_IsAlreadyExists()
    {
        await _client.CreateAsync(Kind, Make("a"));
        var error = await Should.ThrowAsync<KubernetesException>(_client.CreateAsync(Kind, Make("a")));
        error.IsAlreadyExists.ShouldBeTrue();
        error.Message.ShouldContain("\"a\" already exists");
    }

    [Fact]
    public async Task Create_BadName_NamesTheField()
    {
        var error = await Should.ThrowAsync<KubernetesException>(_client.CreateAsync(Kind, Make("Bad_Name")));
        error.IsInvalid.ShouldBeTrue();
        error.Causes.ShouldHaveSingleItem().Field.ShouldBe("metadata.name");
    }

    [Fact]
    public async Task Create_GenerateName_MakesAName()
    {
        var made = await _client.CreateAsync(
            Kind,
            new Widget
            {
                Metadata = new ObjectMeta { GenerateName = "w-", Namespace = "ns" },
            }
        );
        made.Metadata.Name.ShouldStartWith("w-");
        made.Metadata.Name!.Length.ShouldBe(7);
    }

    [Fact]
    public async Task Create_DryRun_StoresNothing()
    {
        await _client.CreateAsync(Kind, Make("a"), new WriteOptions { DryRun = true });
        (await _client.FindAsync(Kind, "ns", "a")).ShouldBeNull();
    }

    [Fact]
    public async Task Get_Missing_IsNotFound_AndFindIsNull()
    {
        (await Should.ThrowAsync<KubernetesException>(_client.GetAsync(Kind, "ns", "no"))).IsNotFound.ShouldBeTrue();
        (await _client.FindAsync(Kind, "ns", "no")).ShouldBeNull();
    }

    [Fact]
    public async Task Replace_OldVersion_IsConflict()
    {
        var first = await _client.CreateAsync(Kind, Make("a", "red"));
        _api.Edit(Path("a"), value => value["spec"]!["color"] = "blue");
        first.Spec = new WidgetSpec { Color = "green" };
        var error = await Should.ThrowAsync<KubernetesException>(_client.ReplaceAsync(Kind, first));
        error.Code.ShouldBe(HttpStatusCode.Conflict);
        error.IsAlreadyExists.ShouldBeFalse();
    }

    [Fact]
    public async Task ReplaceStatus_LeavesSpecAndGeneration()
    {
        var made = await _client.CreateAsync(Kind, Make("a", "red"));
        made.Spec = new WidgetSpec { Color = "ignored" };
        made.Status = new WidgetStatus { Replicas = 3 };
        var after = await _client.ReplaceStatusAsync(Kind, made);
        after.Status!.Replicas.ShouldBe(3);
        after.Spec!.Color.ShouldBe("red");
        after.Metadata.Generation.ShouldBe(1);
    }

    [Fact]
    public async Task Replace_LeavesStatus()
    {
        var made = await _client.CreateAsync(Kind, Make("a", "red"));
        made.Status = new WidgetStatus { Replicas = 3 };
        made = await _client.ReplaceStatusAsync(Kind, made);
        made.Spec = new WidgetSpec { Color = "blue" };
        made.Status = null;
        var after = await _client.ReplaceAsync(Kind, made);
        after.Status!.Replicas.ShouldBe(3);
        after.Metadata.Generation.ShouldBe(2);
    }

    [Fact]
    public async Task Patch_JsonAndMerge()
    {
        await _client.CreateAsync(Kind, Make("a", "red"));
        var json = await _client.PatchAsync(Kind, "ns", "a", Patch.Json("""[{"op":"replace","path":"/spec/color","value":"blue"}]"""));
        json.Spec!.Color.ShouldBe("blue");
        var merge = await _client.PatchAsync(Kind, "ns", "a", Patch.Merge("""{"spec":{"color":null,"replicas":2}}"""));
        merge.Spec.ShouldBe(new WidgetSpec { Replicas = 2 });
        var failed = await Should.ThrowAsync<KubernetesException>(
            _client.PatchAsync(Kind, "ns", "a", Patch.Json("""[{"op":"test","path":"/spec/replicas","value":9}]"""))
        );
        failed.IsInvalid.ShouldBeTrue();
    }

    [Fact]
    public async Task Scale_ReadsAndSets()
    {
        await _client.CreateAsync(Kind, Make("a", "red"));
        var set = await _client.SetScaleAsync(Kind, "ns", "a", 7);
        set.Spec.Replicas.ShouldBe(7);
        (await _client.GetAsync(Kind, "ns", "a")).Spec.ShouldBe(new WidgetSpec { Color = "red", Replicas = 7 });
        _api.Edit(
            Path("a") + "/status",
            value => value["status"] = new System.Text.Json.Nodes.JsonObject { ["replicas"] = 5, ["selector"] = "app=a" }
        );
        var scale = await _client.GetScaleAsync(Kind, "ns", "a");
        scale.Status!.Replicas.ShouldBe(5);
        scale.Status.Selector.ShouldBe("app=a");
    }

    [Fact]
    public async Task Delete_WithPreconditions()
    {
        var made = await _client.CreateAsync(Kind, Make("a"));
        var error = await Should.ThrowAsync<KubernetesException>(
            _client.DeleteAsync(Kind, "ns", "a", new DeleteOptions { Uid = "another" })
        );
        error.IsConflict.ShouldBeTrue();
        (
            await _client.DeleteAsync(
                Kind,
                "ns",
                "a",
                new DeleteOptions { Uid = made.Metadata.Uid, Propagation = PropagationPolicy.Foreground }
            )
        ).ShouldBeTrue();
        (await _client.DeleteAsync(Kind, "ns", "a")).ShouldBeFalse();
        _api.Requests.Last(one => one.Body.Contains("Foreground", StringComparison.Ordinal))
            .Body.ShouldContain("\"propagationPolicy\":\"Foreground\"");
    }

    [Fact]
    public async Task Delete_WithFinalizer_OnlyMarks()
    {
        var widget = Make("a");
        widget.Metadata.Finalizers = ["test/one"];
        await _client.CreateAsync(Kind, widget);
        await _client.DeleteAsync(Kind, "ns", "a");
        (await _client.GetAsync(Kind, "ns", "a")).Metadata.DeletionTimestamp.ShouldNotBeNull();
        await _client.PatchAsync(Kind, "ns", "a", Patch.Merge("""{"metadata":{"finalizers":null}}"""));
        (await _client.FindAsync(Kind, "ns", "a")).ShouldBeNull();
    }

    [Fact]
    public async Task Requests_SayWhoWrites()
    {
        await _client.CreateAsync(Kind, Make("a"), new WriteOptions { FieldManager = "me", FieldValidation = "Strict" });
        var request = _api.Requests.Last();
        request.Query["fieldManager"].ShouldBe("me");
        request.Query["fieldValidation"].ShouldBe("Strict");
        request.Headers["User-Agent"].ShouldBe("mooring");
    }

    [Fact]
    public async Task GetRaw_ReadsAnyPath() =>
        System.Text.Encoding.UTF8.GetString(await _client.GetRawAsync("/version")).ShouldContain("v1.36.0");
}
