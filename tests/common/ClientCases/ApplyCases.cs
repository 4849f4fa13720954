using System.Net;
using System.Text;
using Mooring.Kubernetes.Client;

namespace Mooring.Testing.ClientCases;

/// <summary>Server-side apply: who owns what.</summary>
public abstract class ApplyCases(ICaseServer server) : CaseBase(server)
{
    private const string Us = "mooring";
    private const string Them = "them";

    [Case]
    public async Task Apply_Creates_Updates_AndThenChangesNothing()
    {
        var made = await ApplyAsync(Us, "red", 1);
        (made.Metadata.Generation, made.Spec!.Color).ShouldBe((1, "red"));
        var changed = await ApplyAsync(Us, "blue", 1);
        (changed.Metadata.Generation, changed.Spec!.Color, changed.Metadata.Uid).ShouldBe((2, "blue", made.Metadata.Uid));
        var same = await ApplyAsync(Us, "blue", 1);
        same.Metadata.ResourceVersion.ShouldBe(changed.Metadata.ResourceVersion);
        (await GetAsync("a")).Metadata.ResourceVersion.ShouldBe(changed.Metadata.ResourceVersion);
    }

    [Case]
    public async Task Apply_DryRun_StoresNothing()
    {
        (await ApplyAsync(Us, "red", dryRun: true)).Spec!.Color.ShouldBe("red");
        (await FindAsync("a")).ShouldBeNull();
        await ApplyAsync(Us, "red");
        (await ApplyAsync(Us, "blue", dryRun: true)).Spec!.Color.ShouldBe("blue");
        (await GetAsync("a")).Spec!.Color.ShouldBe("red");
        // Nor does it take or give up a field.
        (await ApplyAsync(Them, "green", force: true, dryRun: true)).Spec!.Color.ShouldBe("green");
        (await ApplyAsync(Us, "blue")).Spec!.Color.ShouldBe("blue");
    }

    [Case]
    public async Task Conflict_NamesManagerAndField()
    {
        await ApplyAsync(Them, "red");
        var error = await RefusedAsync(ApplyAsync(Us, "blue"));
        (error.Code, error.Reason, error.IsAlreadyExists).ShouldBe((HttpStatusCode.Conflict, "Conflict", false));
        error.Status.Message.ShouldBe("Apply failed with 1 conflict: conflict with \"them\": .spec.color");
        var conflict = error.ApplyConflicts.ShouldHaveSingleItem();
        (conflict.Manager, conflict.Field).ShouldBe((Them, "spec.color"));
        (await GetAsync("a")).Spec!.Color.ShouldBe("red");
    }

    [Case]
    public async Task Conflict_NamesEveryField()
    {
        await ApplyAsync(Them, "red", 1);
        var error = await RefusedAsync(ApplyAsync(Us, "blue", 2));
        error.Status.Message!.ShouldStartWith("Apply failed with 2 conflicts:");
        error
            .ApplyConflicts.Select(one => (one.Manager, one.Field))
            .ShouldBe([(Them, "spec.color"), (Them, "spec.replicas")], ignoreOrder: true);
    }

    [Case]
    public async Task Conflict_WithAnUpdate_SaysWhatWasUsed()
    {
        await Client.CreateAsync(Widget.Type, Make("a", "red"), new WriteOptions { FieldManager = Them });
        var conflict = (await RefusedAsync(ApplyAsync(Us, "blue"))).ApplyConflicts.ShouldHaveSingleItem();
        (conflict.Manager, conflict.Field).ShouldBe((Them, "spec.color"));
        conflict.Message.ShouldStartWith("conflict with \"them\" using test.mooring.dev/v1");
    }

    [Case]
    public async Task Conflict_WithOnesOwnUpdate()
    {
        await ApplyAsync(Us, "red");
        await MergeAsync("a", """{"spec":{"color":"green"}}""");
        (await RefusedAsync(ApplyAsync(Us, "blue"))).ApplyConflicts.ShouldHaveSingleItem().Manager.ShouldBe(Us);
    }

    [Case]
    public async Task Forced_TakesOver()
    {
        await ApplyAsync(Them, "red");
        (await ApplyAsync(Us, "blue", force: true)).Spec!.Color.ShouldBe("blue");
        (await RefusedAsync(ApplyAsync(Them, "red"))).ApplyConflicts.ShouldHaveSingleItem().Manager.ShouldBe(Us);
        // Lost to the one who forced it: giving it up takes nothing away.
        (await ApplyAsync(Them, null)).Spec!.Color.ShouldBe("blue");
    }

    [Case]
    public async Task SameValue_IsShared_UntilTheLastGivesItUp()
    {
        var ours = await ApplyAsync(Us, "red", 1);
        // To own a field is a change, too.
        (await ApplyAsync(Them, "red")).Metadata.ResourceVersion.ShouldNotBe(ours.Metadata.ResourceVersion);
        (await RefusedAsync(ApplyAsync(Us, "blue", 1))).ApplyConflicts.ShouldHaveSingleItem().Manager.ShouldBe(Them);
        (await ApplyAsync(Us, null, 1)).Spec.ShouldBe(new WidgetSpec { Color = "red", Replicas = 1 });
        (await ApplyAsync(Them, null)).Spec.ShouldBe(new WidgetSpec { Replicas = 1 });
    }

    [Case]
    public async Task GivenUp_IsRemoved_AndNothingOfOthers()
    {
        await ApplyAsync(Us, "red", 1);
        await MergeAsync("a", """{"metadata":{"labels":{"theirs":"1"}}}""");
        var after = await ApplyAsync(Us, null, 1);
        after.Spec.ShouldBe(new WidgetSpec { Replicas = 1 });
        after.Metadata.Labels.ShouldBe(new Dictionary<string, string> { ["theirs"] = "1" });
    }

    [Case]
    public async Task RemovedByAnUpdate_BelongsToNobody()
    {
        await ApplyAsync(Them, "red", 1);
        await MergeAsync("a", """{"spec":{"color":null}}""");
        (await ApplyAsync(Us, "blue")).Spec.ShouldBe(new WidgetSpec { Color = "blue", Replicas = 1 });
    }

    [Case]
    public async Task Status_IsAppliedByItself()
    {
        await ApplyAsync(Us, "red");
        var body = """{"apiVersion":"test.mooring.dev/v1","kind":"Widget","metadata":{"name":"a"},"status":{"replicas":4}}""";
        await Client.ApplyAsync(Widget.Type, Namespace, "a", Encoding.UTF8.GetBytes(body), new ApplyOptions { Subresource = "status" });
        var got = await GetAsync("a");
        (got.Status!.Replicas, got.Spec!.Color, got.Metadata.Generation).ShouldBe((4, "red", 1));
        // The same manager owns the two separately.
        var again = await ApplyAsync(Us, "red");
        again.Status!.Replicas.ShouldBe(4);
        again.Metadata.ResourceVersion.ShouldBe(got.Metadata.ResourceVersion);
        var same = await MergeAsync("a", """{"status":{"replicas":4}}""", "status");
        same.Metadata.ResourceVersion.ShouldBe(got.Metadata.ResourceVersion);
        var other = new ApplyOptions { Subresource = "status", FieldManager = Them };
        var theirs = Encoding.UTF8.GetBytes(body.Replace("4", "5", StringComparison.Ordinal));
        (await RefusedAsync(Client.ApplyAsync(Widget.Type, Namespace, "a", theirs, other)))
            .ApplyConflicts.ShouldHaveSingleItem()
            .Field.ShouldBe("status.replicas");
    }

    private Task<Widget> ApplyAsync(string manager, string? color, int? replicas = null, bool force = false, bool dryRun = false) =>
        Client.ApplyAsync(
            Widget.Type,
            Make("a", color, replicas),
            new ApplyOptions
            {
                FieldManager = manager,
                Force = force,
                DryRun = dryRun,
            }
        );
}
