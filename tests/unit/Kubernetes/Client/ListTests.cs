using Mooring.Kubernetes.Client;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class ListTests : IAsyncLifetime
{
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = Widgets.Client(_api);
        for (var i = 0; i < 25; i++)
        {
            _api.Put(Collection, Json($"w{i:00}", "red", i % 2 == 0 ? "even" : "odd"));
        }
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task List_InPages_IsWhole()
    {
        var list = await _client.ListAsync(Kind, "ns", new ListOptions { Limit = 10 });
        list.Items.Select(one => one.Metadata.Name).ShouldBe(Enumerable.Range(0, 25).Select(i => $"w{i:00}"));
        list.Items.ShouldAllBe(one => one.Kind == "Widget" && one.ApiVersion == "test.mooring.dev/v1");
        list.Metadata.ResourceVersion.ShouldBe(_api.Version.ToString());
        _api.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task List_TokenExpires_StartsAgain()
    {
        var pages = 0;
        _api.AddFault(
            new Fault
            {
                Match = request => request.Query.ContainsKey("continue") && ++pages == 2,
                Status = 410,
                Reason = "Expired",
            }
        );
        var list = await _client.ListAsync(Kind, "ns", new ListOptions { Limit = 10 });
        list.Items.Count.ShouldBe(25);
        list.Items.Select(one => one.Metadata.Name).Distinct().Count().ShouldBe(25);
        _api.Requests.Count(one => !one.Query.ContainsKey("continue")).ShouldBe(2);
    }

    [Fact]
    public async Task List_TokensAlwaysExpire_EndsWithOnePage()
    {
        _api.AddFault(
            new Fault
            {
                Match = request => request.Query.ContainsKey("continue"),
                Status = 410,
                Reason = "Expired",
                Times = int.MaxValue,
            }
        );
        var list = await _client.ListAsync(Kind, "ns", new ListOptions { Limit = 1 });
        list.Items.Count.ShouldBe(25);
        _api.Requests.Last().Query.ContainsKey("limit").ShouldBeFalse();
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"kind":"Status","status":"Success"}""")]
    [InlineData("""{"metadata":{"resourceVersion":"7"}}""")]
    [InlineData("""{"items":[]}""")]
    public async Task List_AnswerWithoutItemsOrVersion_IsNoEmptyList(string body)
    {
        _api.AddFault(new Fault { Status = 200, Body = body });
        await Should.ThrowAsync<System.Text.Json.JsonException>(_client.ListAsync(Kind, "ns"));
    }

    [Theory]
    [InlineData("app=even", 13)]
    [InlineData("app!=even", 12)]
    [InlineData("app in (even,odd)", 25)]
    [InlineData("app notin (odd)", 13)]
    [InlineData("none", 0)]
    [InlineData("!none", 25)]
    public async Task List_ByLabels(string selector, int expected) =>
        (await _client.ListAsync(Kind, "ns", new ListOptions { LabelSelector = selector, Limit = 4 })).Items.Count.ShouldBe(expected);

    [Fact]
    public async Task List_ByField_AcrossNamespaces()
    {
        var list = await _client.ListAsync(Kind, null, new ListOptions { FieldSelector = "metadata.name=w07" });
        list.Items.ShouldHaveSingleItem().Metadata.Namespace.ShouldBe("ns");
        _api.Requests.Last().Path.ShouldBe("/apis/test.mooring.dev/v1/widgets");
    }

    [Fact]
    public async Task List_Compacted_TokenIsExpired()
    {
        var page = await _client.ListPageAsync(Kind, "ns", new ListOptions { Limit = 10 });
        _api.Compact();
        var error = await Should.ThrowAsync<KubernetesException>(
            _client.ListPageAsync(Kind, "ns", new ListOptions { Limit = 10, Continue = page.Metadata.Continue })
        );
        error.IsExpired.ShouldBeTrue();
    }
}
