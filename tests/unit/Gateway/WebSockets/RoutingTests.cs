using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.WebSockets;

namespace Mooring.Gateway.Tests.WebSockets;

public sealed class RoutingTests
{
    [Theory]
    [InlineData("/", "/")]
    [InlineData("/a/b", "/a/b")]
    [InlineData("/%61%2d%7E", "/a-~")]
    [InlineData("/a%2fb", "/a%2Fb")]
    [InlineData("/a%20b", "/a%20b")]
    [InlineData("//a", "//a")]
    [InlineData("/..a/.b", "/..a/.b")]
    [InlineData("/a;b=../c", "/a;b=../c")]
    [InlineData("/a%2f..b%2F.c;..", "/a%2F..b%2F.c;..")]
    [InlineData("/a%3b..", "/a%3B..")]
    public void Normalize_Valid_GivesOneForm(string path, string normal) => Normalize(path).ShouldBe(normal);

    [Theory]
    [InlineData("a")]
    [InlineData("")]
    [InlineData("/.")]
    [InlineData("/..")]
    [InlineData("/a/../b")]
    [InlineData("/a/%2e%2E/b")]
    [InlineData("/a/./b")]
    [InlineData("/a/..")]
    [InlineData("/a\\b")]
    [InlineData("/a%5cb")]
    [InlineData("/a%00")]
    [InlineData("/a%2")]
    [InlineData("/a%")]
    [InlineData("/a%zz")]
    [InlineData("/a#b")]
    [InlineData("/ws/x%2f..%2f..%2fadmin")]
    [InlineData("/ws/x%2F%2e%2E")]
    [InlineData("/ws/.%2fx")]
    [InlineData("/ws%2f../admin")]
    [InlineData("/ws/..;/admin")]
    [InlineData("/ws/..;a=b")]
    [InlineData("/ws/.;/x")]
    [InlineData("/ws/x%2f..;a%2fadmin")]
    [InlineData("/ws/..%3b/admin")]
    public void Normalize_WhatABackendCouldReadDifferently_IsRefused(string path) => Normalize(path).ShouldBeNull();

    [Theory]
    [InlineData("app.example.com", "/app", 0)]
    [InlineData("APP.example.com", "/app/x", 0)]
    [InlineData("app.example.com.", "/app", 0)]
    [InlineData("app.example.com", "/apple", 2)]
    [InlineData("a.b.wild.example.com", "/", 1)]
    [InlineData("x.wild.example.com", "/app", 1)]
    [InlineData("wild.example.com", "/", 2)]
    [InlineData("other", "/app", 2)]
    [InlineData("", "/admin/x", 2)]
    public void Match_FirstRouteWithHostAndPrefixWins(string host, string path, int expected) =>
        Table.Match(Encoding.ASCII.GetBytes(host), Encoding.ASCII.GetBytes(path)).ShouldBe(expected);

    [Fact]
    public void Match_NoRoute_IsMinusOne() =>
        new RouteTable([new RouteConfig { PathPrefix = "/app/", Backend = "a" }]).Match("h"u8, "/ap"u8).ShouldBe(-1);

    [Theory]
    [InlineData("/app", 0)]
    [InlineData("/app/", 0)]
    [InlineData("/app//", 0)]
    public void Match_PrefixWithTrailingSlash_TakesThePathWithout(string path, int expected) =>
        new RouteTable([new RouteConfig { PathPrefix = "/app/", Backend = "a" }])
            .Match(default, Encoding.ASCII.GetBytes(path))
            .ShouldBe(expected);

    [Fact]
    public void Compile_PrefixWithoutNormalForm_Throws() =>
        Should
            .Throw<FormatException>(() => new RouteTable([new RouteConfig { PathPrefix = "/a/../b", Backend = "a" }]))
            .Message.ShouldContain("/a/../b");

    [Theory]
    [InlineData("/chat?q=1", "Host: Example.com:8080", "Example.com", "Example.com:8080", "/chat?q=1", "/chat")]
    [InlineData("/", "Host: [::1]:80", "[::1]", "[::1]:80", "/", "/")]
    [InlineData("/", "Host: [::1]", "[::1]", "[::1]", "/", "/")]
    [InlineData("http://other:1/x?y", "Host: example.com", "other", "other:1", "/x?y", "/x")]
    [InlineData("WS://other", "Host: example.com", "other", "other", "/", "/")]
    [InlineData("/", "Host:", "", "", "/", "/")]
    public void RequestTarget_Valid_IsSplit(string target, string field, string host, string authority, string origin, string path)
    {
        var (head, data) = Requests.Get(target, field + "\r\n");

        RequestTarget.TryRead(head, data, out var result).ShouldBe(default);
        Encoding.ASCII.GetString(result.Host).ShouldBe(host);
        Encoding.ASCII.GetString(result.Authority).ShouldBe(authority);
        Encoding.ASCII.GetString(result.Origin).ShouldBe(origin);
        Encoding.ASCII.GetString(result.Path).ShouldBe(path);
    }

    [Theory]
    [InlineData("*", "Host: a")]
    [InlineData("a:443", "Host: a")]
    [InlineData("ftp://a/", "Host: a")]
    [InlineData("http://", "Host: a")]
    [InlineData("http:///x", "Host: a")]
    [InlineData("http://a?x", "Host: a")]
    [InlineData("http://user@a/", "Host: a")]
    [InlineData("/", "Host: a/b")]
    [InlineData("/", "Host: a b")]
    [InlineData("/", "Host: a:x")]
    [InlineData("/", "Host: a:123456")]
    [InlineData("/", "Host: [::1")]
    [InlineData("/", "Host: [::1]x")]
    public void RequestTarget_Invalid_Is400(string target, string field)
    {
        var (head, data) = Requests.Get(target, field + "\r\n");

        RequestTarget.TryRead(head, data, out _).Status.ShouldBe(400);
    }

    private static readonly RouteTable Table = new([
        new RouteConfig
        {
            Hosts = ["app.example.com"],
            PathPrefix = "/app",
            Backend = "a",
        },
        new RouteConfig { Hosts = ["*.wild.example.com"], Backend = "b" },
        new RouteConfig { Backend = "c" },
    ]);

    private static string? Normalize(string path)
    {
        var bytes = Encoding.ASCII.GetBytes(path);
        var destination = new byte[bytes.Length];
        var length = PathNormalizer.Normalize(bytes, destination);
        return length < 0 ? null : Encoding.ASCII.GetString(destination, 0, length);
    }
}
