using System.Net;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Testing.ClientCases;

/// <summary>Lists, their pages and selectors.</summary>
public abstract class ListCases(ICaseServer server) : CaseBase(server)
{
    [Case]
    public async Task Pages_HoldEverythingOnce_InOrder()
    {
        await CreateSevenAsync();
        var first = await PageAsync(null);
        first.Items.Select(one => one.Metadata.Name).ShouldBe(["w0", "w1", "w2"]);
        first.Metadata.Continue.ShouldNotBeNullOrEmpty();
        first.Metadata.RemainingItemCount.ShouldBe(4);
        var whole = await Client.ListAsync(Widget.Type, Namespace, new ListOptions { Limit = 3 });
        whole.Items.Select(one => one.Metadata.Name).ShouldBe(Enumerable.Range(0, 7).Select(i => $"w{i}"));
        whole.Items.ShouldAllBe(one => one.Kind == "Widget" && one.ApiVersion == "test.mooring.dev/v1");
        whole.Metadata.Continue.ShouldBeNullOrEmpty();
        whole.Metadata.RemainingItemCount.ShouldBeNull();
    }

    [Case]
    public async Task Pages_AreOfOneMoment()
    {
        await CreateSevenAsync();
        var first = await PageAsync(null);
        await CreateAsync("w3a", "new");
        await MergeAsync("w4", """{"spec":{"color":"changed"}}""");
        await Client.DeleteAsync(Widget.Type, Namespace, "w5");
        var second = await PageAsync(first.Metadata.Continue);
        second.Items.Select(one => $"{one.Metadata.Name} {one.Spec!.Color}").ShouldBe(["w3 red", "w4 red", "w5 red"]);
        second.Metadata.ResourceVersion.ShouldBe(first.Metadata.ResourceVersion);
        var third = await PageAsync(second.Metadata.Continue);
        third.Items.ShouldHaveSingleItem().Metadata.Name.ShouldBe("w6");
        third.Metadata.ResourceVersion.ShouldBe(first.Metadata.ResourceVersion);
        (await Client.ListAsync(Widget.Type, Namespace, new ListOptions { Limit = 3 })).Items.Count.ShouldBe(7);
    }

    [Case]
    public async Task ContinueToken_ThatIsNone_IsABadRequest()
    {
        var error = await RefusedAsync(PageAsync("nonsense"));
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.BadRequest, "BadRequest"));
    }

    [Case]
    public async Task Empty_HasAVersionToWatchFrom()
    {
        var list = await Client.ListAsync(Widget.Type, Namespace);
        list.Items.ShouldBeEmpty();
        long.Parse(list.Metadata.ResourceVersion!).ShouldBePositive();
    }

    [Case]
    public async Task Selectors_ByLabel()
    {
        await CreateSevenAsync();
        await CreateAsync("bare");
        foreach (
            var (selector, count) in ((string, int)[])
                [
                    ("app=even", 4),
                    ("app==even", 4),
                    ("app!=even", 4),
                    ("app in (even, odd)", 7),
                    ("app notin (odd)", 5),
                    ("app", 7),
                    ("!app", 1),
                    ("app=odd,app!=even", 3),
                ]
        )
        {
            var list = await Client.ListAsync(Widget.Type, Namespace, new ListOptions { LabelSelector = selector, Limit = 2 });
            list.Items.Count.ShouldBe(count, selector);
        }
    }

    [Case]
    public async Task Selectors_ThatAreNone_AreBadRequests()
    {
        foreach (var options in (ListOptions[])[new() { LabelSelector = "app in (" }, new() { FieldSelector = "spec.color=red" }])
        {
            var error = await RefusedAsync(Client.ListAsync(Widget.Type, Namespace, options));
            (error.Code, error.Reason).ShouldBe((HttpStatusCode.BadRequest, "BadRequest"));
        }
    }

    [Case]
    public async Task Selectors_ByField_AcrossNamespaces()
    {
        await CreateSevenAsync();
        var options = new ListOptions { FieldSelector = $"metadata.name=w3,metadata.namespace={Namespace}" };
        var found = (await Client.ListAsync(Widget.Type, null, options)).Items.ShouldHaveSingleItem();
        (found.Metadata.Name, found.Metadata.Namespace).ShouldBe(("w3", Namespace));
    }

    private Task<KubernetesList<Widget>> PageAsync(string? token) =>
        Client.ListPageAsync(Widget.Type, Namespace, new ListOptions { Limit = 3, Continue = token });

    private async Task CreateSevenAsync()
    {
        for (var i = 6; i >= 0; i--)
        {
            await CreateAsync($"w{i}", "red", app: i % 2 == 0 ? "even" : "odd");
        }
    }
}
