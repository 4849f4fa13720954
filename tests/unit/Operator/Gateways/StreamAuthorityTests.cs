using System.Security.Cryptography.X509Certificates;
using Mooring.Operator.Gateways.InCluster;

namespace Mooring.Operator.Tests.Gateways;

public sealed class StreamAuthorityTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly string[] Names = ["mooring.mooring-system.svc", "127.0.0.1"];

    [Fact]
    public void Ensure_Nothing_MakesAChainThatHoldsForEveryName()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);

        Trusts(made.AuthorityBundle, made.Certificate, Now).ShouldBeTrue();
        using var leaf = X509Certificate2.CreateFromPem(made.Certificate, made.Key);
        Names.ShouldAllBe(name => leaf.MatchesHostname(name, false, false));
        (leaf.NotAfter.ToUniversalTime() - Now.UtcDateTime).ShouldBe(StreamAuthority.CertificateLife);
    }

    [Fact]
    public void Ensure_StillGood_ReturnsTheSame()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);
        StreamAuthority.Ensure(made, Names, Now.AddDays(59)).ShouldBeSameAs(made);
    }

    [Fact]
    public void Ensure_LeafNearItsEnd_RenewsItUnderTheSameAuthority()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);
        var later = Now.AddDays(61);

        var renewed = StreamAuthority.Ensure(made, Names, later);

        renewed.Certificate.ShouldNotBe(made.Certificate);
        renewed.AuthorityKey.ShouldBe(made.AuthorityKey);
        Trusts(made.AuthorityBundle, renewed.Certificate, later).ShouldBeTrue();
    }

    [Fact]
    public void Ensure_AnotherName_IssuesForIt()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);
        var renewed = StreamAuthority.Ensure(made, [.. Names, "other.example"], Now);
        renewed.AuthorityBundle.ShouldBe(made.AuthorityBundle);
        using var leaf = X509Certificate2.CreateFromPem(renewed.Certificate);
        leaf.MatchesHostname("other.example", false, false).ShouldBeTrue();
    }

    [Fact]
    public void Ensure_AuthorityInItsLastYear_RenewsItAndKeepsTheOldInTheBundle()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);
        var later = Now.AddDays(3650 - 300);

        var renewed = StreamAuthority.Ensure(made, Names, later);

        renewed.AuthorityKey.ShouldNotBe(made.AuthorityKey);
        renewed.AuthorityBundle.ShouldContain(made.AuthorityBundle.Trim());
        Trusts(renewed.AuthorityBundle, renewed.Certificate, later).ShouldBeTrue();
        // A gateway that read the new bundle still trusts a replica that serves the old certificate.
        Trusts(renewed.AuthorityBundle, made.Certificate, Now.AddDays(1)).ShouldBeTrue();
    }

    [Fact]
    public void Ensure_Garbage_IsMadeAnew()
    {
        var made = StreamAuthority.Ensure(new StreamCertificates("x", "y", "z", "w"), Names, Now);
        Trusts(made.AuthorityBundle, made.Certificate, Now).ShouldBeTrue();
    }

    [Fact]
    public void Ensure_LeafOfAnotherAuthority_IsReplaced()
    {
        var one = StreamAuthority.Ensure(null, Names, Now);
        var other = StreamAuthority.Ensure(null, Names, Now);
        var mixed = one with { Certificate = other.Certificate, Key = other.Key };
        Trusts(one.AuthorityBundle, StreamAuthority.Ensure(mixed, Names, Now).Certificate, Now).ShouldBeTrue();
    }

    [Fact]
    public void Ensure_LeafOfTheFuture_IsReplacedOnceTheClockIsMended()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);
        var ahead = StreamAuthority.Ensure(made, Names, Now.AddDays(61));
        Trusts(ahead.AuthorityBundle, ahead.Certificate, Now).ShouldBeFalse();

        var mended = StreamAuthority.Ensure(ahead, Names, Now);

        Trusts(mended.AuthorityBundle, mended.Certificate, Now).ShouldBeTrue();
        mended.AuthorityKey.ShouldBe(made.AuthorityKey, "its authority was good all the time");
    }

    [Fact]
    public void Ensure_AuthorityOfTheFuture_IsReplacedOnceTheClockIsMended()
    {
        var ahead = StreamAuthority.Ensure(null, Names, Now.AddDays(100));

        var mended = StreamAuthority.Ensure(ahead, Names, Now);

        mended.AuthorityKey.ShouldNotBe(ahead.AuthorityKey);
        Trusts(mended.AuthorityBundle, mended.Certificate, Now).ShouldBeTrue();
        StreamAuthority.Ensure(mended, Names, Now.AddMinutes(1)).ShouldBeSameAs(mended);
    }

    [Fact]
    public void Ensure_ClockSetBackALittle_KeepsWhatHoldsAndRenewsUnderIt()
    {
        var made = StreamAuthority.Ensure(null, Names, Now);
        var back = Now.AddMinutes(-5);
        StreamAuthority.Ensure(made, Names, back).ShouldBeSameAs(made);

        // The new one would begin before its authority does.
        var renewed = StreamAuthority.Ensure(made, [.. Names, "other.example"], back);

        renewed.AuthorityKey.ShouldBe(made.AuthorityKey);
        Trusts(renewed.AuthorityBundle, renewed.Certificate, back).ShouldBeTrue();
    }

    private static bool Trusts(string bundle, string certificate, DateTimeOffset at)
    {
        using var leaf = X509Certificate2.CreateFromPem(certificate);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.ImportFromPem(bundle);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = at.UtcDateTime;
        return chain.Build(leaf);
    }
}
