using System.Net;
using Mooring.Kubernetes.Client;

namespace Mooring.Testing.ClientCases;

/// <summary>Watches.</summary>
public abstract class WatchCases(ICaseServer server) : CaseBase(server)
{
    [Case]
    public async Task FromAList_TellsEachChangeOnce_InOrder()
    {
        await CreateAsync("before", "red");
        var version = await VersionAsync();
        await CreateAsync("a", "red");
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        await MergeAsync("a", """{"status":{"replicas":1}}""", "status");
        await Client.DeleteAsync(Widget.Type, Namespace, "a");
        var events = await TakeAsync(4, new WatchOptions { ResourceVersion = version });
        events
            .Select(one => (one.Type, one.Object!.Metadata.Name, one.Object.Spec!.Color, one.Object.Status?.Replicas))
            .ShouldBe([
                (WatchEventType.Added, "a", "red", null),
                (WatchEventType.Modified, "a", "blue", null),
                (WatchEventType.Modified, "a", "blue", 1),
                (WatchEventType.Deleted, "a", "blue", 1),
            ]);
        var versions = events.Select(one => long.Parse(one.ResourceVersion)).ToArray();
        versions.ShouldBeInOrder();
        versions.Distinct().Count().ShouldBe(4);
        versions[0].ShouldBeGreaterThan(long.Parse(version));
        events[0].Object!.Kind.ShouldBe("Widget");
    }

    [Case]
    public async Task ResumedInTheMiddle_TellsTheRest()
    {
        var version = await VersionAsync();
        foreach (var name in (string[])["a", "b", "c"])
        {
            await CreateAsync(name, "red");
        }

        var first = (await TakeAsync(1, new WatchOptions { ResourceVersion = version })).Single();
        first.Object!.Metadata.Name.ShouldBe("a");
        var rest = await TakeAsync(2, new WatchOptions { ResourceVersion = first.ResourceVersion });
        rest.Select(one => one.Object!.Metadata.Name).ShouldBe(["b", "c"]);
    }

    [Case]
    public async Task WithoutAVersion_StartsWithWhatIsThere()
    {
        await CreateAsync("a", "red");
        await CreateAsync("b", "red");
        var events = await TakeAsync(2, new WatchOptions());
        events.ShouldAllBe(one => one.Type == WatchEventType.Added);
        events.Select(one => one.Object!.Metadata.Name).Order().ShouldBe(["a", "b"]);
    }

    [Case]
    public async Task ByLabel_EntersAsAdded_LeavesAsDeleted_InItsLastState()
    {
        var version = await VersionAsync();
        await CreateAsync("a", "red");
        await MergeAsync("a", """{"metadata":{"labels":{"app":"x"}}}""");
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        var left = await MergeAsync("a", """{"metadata":{"labels":{"app":"y"}},"spec":{"color":"green"}}""");
        var events = await TakeAsync(3, new WatchOptions { ResourceVersion = version, LabelSelector = "app=x" });
        events
            .Select(one => (one.Type, one.Object!.Spec!.Color, one.Object.Metadata.Labels!["app"]))
            .ShouldBe([(WatchEventType.Added, "red", "x"), (WatchEventType.Modified, "blue", "x"), (WatchEventType.Deleted, "blue", "x")]);
        events[2].ResourceVersion.ShouldBe(left.Metadata.ResourceVersion);
    }

    [Case]
    public async Task ByName_TellsOfThatAlone()
    {
        var version = await VersionAsync();
        await CreateAsync("a");
        await CreateAsync("b");
        await Client.DeleteAsync(Widget.Type, Namespace, "b");
        var events = await TakeAsync(2, new WatchOptions { ResourceVersion = version, FieldSelector = "metadata.name=b" });
        events.Select(one => (one.Type, one.Object!.Metadata.Name)).ShouldBe([(WatchEventType.Added, "b"), (WatchEventType.Deleted, "b")]);
    }

    [Case]
    public async Task Finalizer_Removed_IsOneDeletion()
    {
        var version = await VersionAsync();
        var widget = Make("a", "red");
        widget.Metadata.Finalizers = ["test.mooring.dev/one"];
        await Client.CreateAsync(Widget.Type, widget);
        await Client.DeleteAsync(Widget.Type, Namespace, "a");
        await MergeAsync("a", """{"metadata":{"finalizers":null}}""");
        await CreateAsync("b");
        var events = await TakeAsync(4, new WatchOptions { ResourceVersion = version });
        events
            .Select(one => $"{one.Type} {one.Object!.Metadata.Name} {one.Object.Metadata.DeletionTimestamp is not null}")
            .ShouldBe(["Added a False", "Modified a True", "Deleted a True", "Added b False"]);
    }

    [Case]
    public async Task Bookmark_MovesOn_PastWhatTheSelectorHides_BeforeAnOrderlyEnd()
    {
        var version = await VersionAsync();
        await CreateAsync("a", app: "x");
        List<WatchEvent<Widget>> events = [];
        Widget? hidden = null;
        using var limit = new CancellationTokenSource(Deadline);
        var options = new WatchOptions
        {
            ResourceVersion = version,
            LabelSelector = "app=x",
            // The bookmark comes two seconds before this: time enough to create the hidden one.
            Timeout = TimeSpan.FromSeconds(12),
        };
        await foreach (var one in Client.WatchAsync(Widget.Type, Namespace, options, limit.Token))
        {
            hidden ??= await CreateAsync("hidden", app: "y");
            events.Add(one);
        }

        events[0].Type.ShouldBe(WatchEventType.Added);
        var mark = events.Last();
        (mark.Type, mark.Object).ShouldBe((WatchEventType.Bookmark, null));
        long.Parse(mark.ResourceVersion).ShouldBeGreaterThanOrEqualTo(long.Parse(hidden!.Metadata.ResourceVersion!));
    }

    [Case]
    public async Task OldVersion_IsExpired()
    {
        await CreateAsync("a");
        var error = await RefusedAsync(TakeAsync(1, new WatchOptions { ResourceVersion = "1" }));
        (error.Code, error.Reason, error.IsExpired).ShouldBe((HttpStatusCode.Gone, "Expired", true));
    }

    [Case]
    public async Task Version_ThatIsNone_IsRefused()
    {
        var error = await RefusedAsync(TakeAsync(1, new WatchOptions { ResourceVersion = "nonsense" }));
        // The server's own account of it: an error without a reason.
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.InternalServerError, ""));
    }

    private async Task<string> VersionAsync() => (await Client.ListAsync(Widget.Type, Namespace)).Metadata.ResourceVersion!;

    private async Task<List<WatchEvent<Widget>>> TakeAsync(int count, WatchOptions options)
    {
        List<WatchEvent<Widget>> events = [];
        using var limit = new CancellationTokenSource(Deadline);
        await foreach (var one in Client.WatchAsync(Widget.Type, Namespace, options, limit.Token))
        {
            if (one.Type != WatchEventType.Bookmark)
            {
                events.Add(one);
            }

            if (events.Count == count)
            {
                break;
            }
        }

        return events;
    }
}
