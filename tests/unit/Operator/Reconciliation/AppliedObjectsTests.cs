using Mooring.Kubernetes.Models;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class AppliedObjectsTests
{
    private static readonly ObjectKey Key = new("shop", "web");
    private readonly AppliedObjects _memory = new();

    [Fact]
    public void Newest_CacheStillShowsWhatWasThereBefore_IsTheAnswer()
    {
        var answer = Version("2");
        _memory.Note("Service", Key, "hash", Version("1"), answer, "");

        _memory.Newest("Service", Key, Version("1")).ShouldBeSameAs(answer);
    }

    [Fact]
    public void Newest_CacheHasMovedOn_IsTheCached()
    {
        _memory.Note("Service", Key, "hash", Version("1"), Version("2"), "");
        var later = Version("3");

        _memory.Newest("Service", Key, later).ShouldBeSameAs(later);
    }

    [Fact]
    public void Newest_NothingNoted_IsTheCached()
    {
        var cached = Version("1");
        _memory.Newest("Service", Key, cached).ShouldBeSameAs(cached);
    }

    [Theory]
    [InlineData("hash", "spec.a is 1", true)]
    [InlineData("hash", "spec.a is 2", false)]
    [InlineData("other", "spec.a is 1", false)]
    public void IsAccepted_OnlyTheSameDifferencesOfTheSameContent(string hash, string differences, bool accepted)
    {
        _memory.Note("Service", Key, "hash", Version("1"), Version("2"), "spec.a is 1");
        _memory.IsAccepted("Service", Key, hash, differences).ShouldBe(accepted);
    }

    [Fact]
    public void Forget_WhatWasAccepted_IsDriftAgain()
    {
        _memory.Note("Service", Key, "hash", Version("1"), Version("2"), "spec.a is 1");
        _memory.Forget("Service", Key);
        _memory.IsAccepted("Service", Key, "hash", "spec.a is 1").ShouldBeFalse();
    }

    [Theory]
    [InlineData("hash", "2", true)]
    [InlineData("hash", "3", false)]
    [InlineData("other", "2", false)]
    public void IsAsApplied_OnlyTheStateThatWasCompared(string hash, string version, bool same)
    {
        _memory.NoteUnchanged("Service", Key, "hash", Version("2"));
        _memory.IsAsApplied("Service", Key, hash, Version(version)).ShouldBe(same);
    }

    [Fact]
    public void IsAsApplied_AnswerToAnApply_NeedsNoComparison()
    {
        _memory.Note("Service", Key, "hash", Version("1"), Version("2"), "spec.a is 1");
        _memory.IsAsApplied("Service", Key, "hash", Version("2")).ShouldBeTrue();
        _memory.IsAsApplied("Service", Key, "hash", Version("1")).ShouldBeFalse();
    }

    [Fact]
    public void NoteUnchanged_OfALaterState_KeepsWhatWasAccepted()
    {
        _memory.Note("Service", Key, "hash", Version("1"), Version("2"), "spec.a is 1");
        _memory.NoteUnchanged("Service", Key, "hash", Version("3"));
        _memory.IsAccepted("Service", Key, "hash", "spec.a is 1").ShouldBeTrue();
    }

    private static Service Version(string version) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = "web",
                Namespace = "shop",
                Uid = "uid-1",
                ResourceVersion = version,
            },
        };
}
