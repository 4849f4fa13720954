using System.Security.Cryptography.X509Certificates;
using Mooring.Kubernetes.Client;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class TrustAnchorsTests : IDisposable
{
    private readonly Authority _root = new("CN=root");
    private readonly Authority _intermediate;

    public TrustAnchorsTests() => _intermediate = new Authority("CN=intermediate", _root);

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EndsHere_IntermediateAlone_IsTrusted(bool showsRoot)
    {
        using var leaf = _intermediate.Issue("api.test");
        Trusts(_intermediate.Certificate, leaf, showsRoot ? [_root.Certificate] : []).ShouldBeTrue();
    }

    [Fact]
    public void EndsHere_Root_IsTrustedThroughTheIntermediateThatIsShown()
    {
        using var leaf = _intermediate.Issue("api.test");
        Trusts(_root.Certificate, leaf, [_intermediate.Certificate]).ShouldBeTrue();
        Trusts(_root.Certificate, leaf, []).ShouldBeFalse();
    }

    [Theory]
    [InlineData("CN=other")]
    [InlineData("CN=intermediate")]
    public void EndsHere_AnotherIntermediateOfTheSameRoot_IsNot(string name)
    {
        using var other = new Authority(name, _root);
        using var leaf = other.Issue("api.test");
        Trusts(_intermediate.Certificate, leaf, []).ShouldBeFalse();
        Trusts(_intermediate.Certificate, leaf, [other.Certificate, _root.Certificate]).ShouldBeFalse();
    }

    [Fact]
    public void EndsHere_IssuedByOneThatIsNoAuthority_IsNot()
    {
        using var server = _intermediate.Issue("api.test");
        using var leaf = Authority.Issue("api.test", server);
        Trusts(_intermediate.Certificate, leaf, [server]).ShouldBeFalse();
    }

    [Fact]
    public void EndsHere_Expired_IsNot()
    {
        using var leaf = _intermediate.Issue("api.test");
        Trusts(_intermediate.Certificate, leaf, [], DateTime.Now.AddDays(20)).ShouldBeFalse();
    }

    private static bool Trusts(X509Certificate2 given, X509Certificate2 leaf, X509Certificate2[] shown, DateTime? at = null)
    {
        var anchors = new TrustAnchors([given]);
        using var chain = new X509Chain { ChainPolicy = anchors.Policy() };
        chain.ChainPolicy.ExtraStore.AddRange(shown);
        if (at is { } moment)
        {
            chain.ChainPolicy.VerificationTime = moment;
            chain.ChainPolicy.VerificationTimeIgnored = false;
        }

        chain.Build(leaf);
        return anchors.EndsHere(chain);
    }
}
