using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Hub;

namespace Mooring.Gateway.Tests.Hub;

public sealed class NameTableTests
{
    [Fact]
    public void Table_IsASetByName() =>
        // Few names, so that most of them come and go; a table so full has searches that run into each other and around the end.
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(200),
            Prop.ForAll(Gen.Choose(0, 179).ArrayOf(400).ToArbitrary(), steps => Run(steps))
        );

    [Fact]
    public void ManyNames_AreFoundAndGivenBack()
    {
        var table = new NameTable<Item>();
        Item[] items = [.. Enumerable.Range(0, 10_000).Select(static i => new Item($"channel-{i}"))];
        foreach (var item in items)
        {
            table.Add(item);
        }

        items.ShouldAllBe(item => table.Find(item.Name) == item);
        foreach (var item in items.Skip(10))
        {
            table.Remove(item).ShouldBeTrue();
        }

        table.All.ShouldBe(items.Take(10), ignoreOrder: true);
        table.Find("channel-5000").ShouldBeNull();
    }

    [Fact]
    public void SecondOfAName_IsRefused()
    {
        var table = new NameTable<Item>();
        table.Add(new Item("a"));
        Should.Throw<ArgumentException>(() => table.Add(new Item("a")));
        table.Remove(new Item("a")).ShouldBeFalse();
        table.Count.ShouldBe(1);
    }

    /// <summary>Each step is a name, and in two of three cases adds it.</summary>
    private static void Run(int[] steps)
    {
        var table = new NameTable<Item>();
        var model = new Dictionary<string, Item>();
        foreach (var step in steps)
        {
            var name = $"n{step / 3}";
            if (step % 3 == 0)
            {
                table.Remove(model.GetValueOrDefault(name) ?? new Item(name)).ShouldBe(model.Remove(name));
            }
            else if (model.TryAdd(name, new Item(name)))
            {
                table.Add(model[name]);
            }
        }

        table.Count.ShouldBe(model.Count);
        table.All.ShouldBe(model.Values, ignoreOrder: true);
        for (var number = 0; number < 60; number++)
        {
            table.Find($"n{number}").ShouldBe(model.GetValueOrDefault($"n{number}"));
        }
    }

    private sealed class Item(string name) : INamed
    {
        public string Name => name;

        public int NameHash { get; } = NameTable<Item>.HashOf(name);
    }
}
