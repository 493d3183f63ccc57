// The server's half of a WebSocket, on a connection that an HttpServer hands over; inside the net layer only.
// One thread may read while another writes. Operations run on the connection's strand.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <memory>

#include "net/http_server.h"

namespace salvor::net {

std::unique_ptr<WebSocket> accept_server_websocket(std::shared_ptr<boost::asio::ip::tcp::socket> stream,
                                                   const ServerRequest& request,
                                                   const std::vector<std::string>& protocols);
std::unique_ptr<WebSocket> accept_server_websocket(
    std::shared_ptr<boost::asio::ssl::stream<boost::asio::ip::tcp::socket>> stream,
    const ServerRequest& request, const std::vector<std::string>& protocols);

}  // namespace salvor::net
