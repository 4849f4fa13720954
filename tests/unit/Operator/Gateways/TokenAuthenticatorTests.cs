using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways.InCluster;

namespace Mooring.Operator.Tests.Gateways;

public sealed class TokenAuthenticatorTests
{
    private static readonly HelloMessage Hello = new()
    {
        Fleet = "shop/web",
        Gateway = "web-gateway-1-x",
        Version = "1",
    };

    [Fact]
    public void Judge_TheFleetsAccountAndPod_LetsIn() => TokenAuthenticator.Judge(Hello, Verdict()).ShouldBeNull();

    [Theory]
    [InlineData("system:serviceaccount:other:web-gateway")]
    [InlineData("system:serviceaccount:shop:other-gateway")]
    [InlineData("system:serviceaccount:shop:default")]
    [InlineData("admin")]
    public void Judge_AnotherUser_Refuses(string user) =>
        TokenAuthenticator.Judge(Hello, Verdict(user: user)).ShouldBe("the token is of another ServiceAccount");

    [Theory]
    [InlineData("web-gateway-1-y")]
    [InlineData(null)]
    public void Judge_AnotherPodOrNone_Refuses(string? pod) =>
        TokenAuthenticator.Judge(Hello, Verdict(pod: pod)).ShouldBe("the token is of another pod");

    [Fact]
    public void Judge_NotAuthenticated_Refuses()
    {
        var verdict = Verdict();
        verdict.Authenticated = false;
        TokenAuthenticator.Judge(Hello, verdict).ShouldBe("the token is not good");
        TokenAuthenticator.Judge(Hello, null).ShouldBe("the token is not good");
    }

    // A server that knows no audiences answers "authenticated" without any: that must not pass for ours.
    [Fact]
    public void Judge_WithoutTheAudience_Refuses()
    {
        var verdict = Verdict();
        verdict.Audiences = null;
        TokenAuthenticator.Judge(Hello, verdict).ShouldBe("the token is not good");
    }

    private static TokenReviewStatus Verdict(string user = "system:serviceaccount:shop:web-gateway", string? pod = "web-gateway-1-x") =>
        new()
        {
            Authenticated = true,
            Audiences = [StreamLimits.TokenAudience],
            User = new TokenReviewUser
            {
                Username = user,
                Extra = pod is null
                    ? null
                    : new Dictionary<string, IReadOnlyList<string>> { ["authentication.kubernetes.io/pod-name"] = [pod] },
            },
        };
}
